// The Tab key in a drawing: it goes through the boxes as they are read, and what it comes to is brought into sight.

const MARGIN = 12; // room for the ring of the focus

/** Boxes as they are read: row by row, or column by column where the drawing runs to the right. */
export function asRead(boxes, isAcross) {
  const [first, second] = isAcross ? ["x", "y"] : ["y", "x"];
  return [...boxes].sort((a, b) => a[first] - b[first] || a[second] - b[second]);
}

/** Put elements into this order behind `start`; what stands right is not touched, and what has the focus keeps it. */
export function inOrder(start, elements) {
  const focused = document.activeElement;
  let last = start;
  for (const element of elements) {
    if (last.nextElementSibling !== element) last.after(element);
    last = element;
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** How far what lies from `start` to `end` has to go to be within `room`; of what is larger the beginning counts. */
function away(start, end, room) {
  if (start < MARGIN || end - start > room - 2 * MARGIN) return MARGIN - start;
  return Math.min(0, room - MARGIN - end);
}

/** How far up an element has to go to be clear of the small map; 0 where it is. */
function below(element, map) {
  if (!map) return 0;
  const [one, other] = [element.getBoundingClientRect(), map.getBoundingClientRect()];
  const isClear = one.right <= other.left || one.left >= other.right || one.bottom <= other.top || one.top >= other.bottom;
  return isClear ? 0 : one.bottom + MARGIN - other.top;
}

/**
 * Whenever Tab leads to something in `world`, which `view` (x, y, k) shows in `root`, have it moved there by `move(dx, dy)`. Other ways to the
 * focus have their own ways to show it, and an update that gives it back moves nothing.
 */
export function showFocused(root, world, { view, move, signal }) {
  let isTabbing = false;
  const follow = (event) => { isTabbing = event.type === "keydown" && event.key === "Tab"; };
  for (const name of ["keydown", "keyup"]) document.addEventListener(name, follow, { capture: true, signal });
  world.addEventListener("focusin", ({ target }) => {
    if (!isTabbing || !(target instanceof HTMLElement)) return;
    root.scrollTo(0, 0); // browsers scroll even what hides its overflow
    let [left, top] = [0, 0];
    for (let part = target; part && part !== world; part = part.offsetParent) [left, top] = [left + part.offsetLeft, top + part.offsetTop];
    const { x, y, k } = view();
    const dx = away(left * k + x, (left + target.offsetWidth) * k + x, root.clientWidth);
    const dy = away(top * k + y, (top + target.offsetHeight) * k + y, root.clientHeight);
    if (dx || dy) move(dx, dy);
    const under = below(target, root.parentElement.querySelector(".graph-map:not([hidden])"));
    if (under) move(0, -under);
  });
}
