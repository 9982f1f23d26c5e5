// Comparison: tables scroll together sideways, so that one run stays one column on the whole page; drawings side by side go along by share.

const boxes = [...document.querySelectorAll(".compare-box, .side-by-side")];
const isTable = (box) => box.matches(".compare-box");
const room = (box) => box.scrollWidth - box.clientWidth;
let leader = null;
for (const box of boxes) {
  box.addEventListener("pointerenter", () => { leader = box; });
  box.addEventListener("focusin", () => { leader = box; });
  box.addEventListener("scroll", () => {
    if (leader !== box) return;
    const share = room(box) > 0 ? box.scrollLeft / room(box) : 0;
    for (const other of boxes) {
      if (other !== box) other.scrollLeft = isTable(box) && isTable(other) ? box.scrollLeft : share * room(other);
    }
  }, { passive: true });
}
