// What is cut with an ellipsis tells the whole of it when it is pointed at, unless it has words of its own.

const DEPTH = 4; // a link in a span in a cell
const LONGEST = 500;
const given = new WeakSet();

/** Give the innermost of what was pointed at that is cut its text as title; take it back when there is room again. */
function tell({ target }) {
  let box = target instanceof HTMLElement ? target : null;
  for (let step = 0; box && step < DEPTH; step += 1, box = box.parentElement) {
    if (box.title && !given.has(box)) return;
    if (box.scrollWidth > box.clientWidth && getComputedStyle(box).textOverflow === "ellipsis") {
      box.title = box.textContent.trim().replace(/\s+/g, " ").slice(0, LONGEST);
      given.add(box);
      return;
    }
    if (given.delete(box)) box.removeAttribute("title");
  }
}

document.addEventListener("pointerover", tell);
