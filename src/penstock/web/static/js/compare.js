// Comparison: tables scroll together sideways, so that one run stays one column on the whole page; what stands side by side scrolls, shows
// its step and is counted alike.

import "./shelves.js";

const boxes = [...document.querySelectorAll(".compare-box")];
let leader = null;
for (const box of boxes) {
  box.addEventListener("pointerenter", () => { leader = box; });
  box.addEventListener("focusin", () => { leader = box; });
  box.addEventListener("scroll", () => {
    if (leader !== box) return;
    for (const other of boxes) if (other !== box) other.scrollLeft = box.scrollLeft;
  }, { passive: true });
}
