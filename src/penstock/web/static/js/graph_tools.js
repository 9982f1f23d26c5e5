// The tools of a graph stay in one row: where its switches have no room beside the others, they are in a menu.

/** Fold the switches of `tools` into its menu whenever they would begin a second row. */
export function foldSwitches(tools) {
  const switches = tools?.querySelector(".graph-switches");
  if (!switches) return;
  const menu = document.getElementById("graph-more");
  const body = menu.querySelector(".menu-body");
  const fold = (isFolded) => {
    if (menu.hidden === isFolded) {
      menu.hidden = !isFolded;
      menu.open = false;
      if (isFolded) body.append(switches);
      else menu.before(switches);
    }
  };
  let width = 0;
  new ResizeObserver(() => {
    if (tools.clientWidth === width) return;
    width = tools.clientWidth;
    fold(false);
    const [first, last] = [tools.firstElementChild, tools.lastElementChild].map((element) => element.getBoundingClientRect());
    fold(last.top >= first.bottom);
  }).observe(tools);
}
