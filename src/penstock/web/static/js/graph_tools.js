// The tools of a graph stay in one row: where its switches have no room beside the others, they are in a menu; on telephones what turns the
// graph and zooms it, too.

const TURN_AND_ZOOM = ["graph-direction", "graph-out", "graph-in"];

/** Fold the tools into the menu, one set after the other, as long as they would begin a second row. */
export function foldSwitches(tools) {
  const switches = tools?.querySelector(".graph-switches");
  if (!switches) return;
  const menu = document.getElementById("graph-more");
  const body = menu.querySelector(".menu-body");
  const zooms = document.createElement("div");
  zooms.className = "row graph-zooms";
  const places = new Map(TURN_AND_ZOOM.map((id) => {
    const tool = document.getElementById(id);
    const place = document.createComment(id);
    tool.before(place);
    return [tool, place];
  }));
  let folded = 0;
  const fold = (sets) => {
    if (folded === sets) return;
    menu.hidden = !sets;
    menu.open = false;
    if (sets) body.append(switches);
    else menu.before(switches);
    for (const [tool, place] of places) {
      if (sets > 1) zooms.append(tool);
      else place.after(tool);
    }
    if (sets > 1) body.append(zooms);
    else zooms.remove();
    tools.classList.toggle("is-tight", sets > 1);
    folded = sets;
  };
  const isTwoRows = () => {
    const [first, last] = [tools.firstElementChild, tools.lastElementChild].map((element) => element.getBoundingClientRect());
    return last.top >= first.bottom;
  };
  let width = 0;
  new ResizeObserver(() => {
    if (tools.clientWidth === width) return;
    width = tools.clientWidth;
    tools.classList.add("is-arranged");
    const focused = tools.contains(document.activeElement) ? document.activeElement : null;
    const before = folded;
    for (const sets of [0, 1, 2]) {
      fold(sets);
      if (!isTwoRows()) break;
    }
    if (!focused || document.activeElement === focused) return;
    // Moving a tool takes the focus from it; in the menu it is behind the menu's button.
    if (folded === before && folded && body.contains(focused)) menu.open = true;
    (focused.checkVisibility() ? focused : menu.querySelector("summary")).focus({ preventScroll: true });
  }).observe(tools);
}
