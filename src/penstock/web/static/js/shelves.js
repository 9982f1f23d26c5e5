// Outputs of several runs side by side: columns to choose, one scroll for all on a shelf (documents tell theirs from their boxes), one
// step for all shelves, pictures with zoom.

import "./packing.js";

import { viewer } from "./image.js";

const QUIET_MS = 200;
const shelves = [...document.querySelectorAll(".shelf")];
/** What controls act on: their comparison in a report, else the page. */
const scopeOf = (control) => control.closest("[data-shelves]") ?? document;
const isTogether = (shelf) => scopeOf(shelf).querySelector("[data-scroll-together]")?.checked ?? true;
const keep = (name, value) => {
  const address = new URL(location.href);
  if (value === null) address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
};

document.addEventListener("click", (event) => {
  const choice = event.target.closest?.("[data-columns-choice]");
  const picture = event.target.closest?.("[data-shelf-picture]");
  const anyway = event.target.closest?.("[data-show-anyway]");
  if (anyway) {
    const note = anyway.closest(".asks-first");
    note.replaceWith(note.nextElementSibling.content.cloneNode(true));
    return;
  }
  if (!(choice || picture) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (picture) {
    const name = picture.querySelector("img").alt;
    viewer({ path: name, download: picture.dataset.download }, () => picture.dataset.shelfPicture, new Set(), name);
    return;
  }
  const columns = choice.dataset.columnsChoice;
  for (const place of document.querySelectorAll("[data-columns]")) place.dataset.columns = columns;
  for (const one of document.querySelectorAll("[data-columns-choice]")) {
    one.classList.toggle("on", one === choice);
    if (one === choice) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
  keep("columns", columns === "auto" ? null : columns);
});

/** Show in each cell the drawings of the last step up to `step`, or of its first. */
function showStep(scope, step) {
  for (const cell of scope.querySelectorAll(".shelf-cell")) {
    const pieces = [...cell.querySelectorAll(".shelf-piece")];
    const known = pieces.map((piece) => Number(piece.dataset.step));
    const before = known.filter((one) => one <= step);
    const chosen = before.length ? Math.max(...before) : Math.min(...known);
    pieces.forEach((piece, at) => { piece.hidden = known[at] !== chosen; });
  }
}

for (const slider of document.querySelectorAll("[data-shelf-step]")) {
  const scope = scopeOf(slider);
  const steps = JSON.parse(slider.dataset.steps);
  const tell = () => { slider.parentElement.querySelector("output").textContent = steps[slider.value]; };
  tell();
  slider.addEventListener("input", () => {
    tell();
    showStep(scope, steps[slider.value]);
    if (scope !== document) return;
    keep("step", steps[slider.value]);
    document.dispatchEvent(new CustomEvent("penstock:step", { detail: steps[slider.value] }));
  });
}

const scrolling = (shelf) => [...shelf.querySelectorAll(".matrix-box, .table-box")];
const share = (place, whole, seen) => (whole > seen ? place / (whole - seen) : 0);
let quietUntil = 0;
for (const shelf of shelves) {
  for (const box of scrolling(shelf)) {
    box.addEventListener("scroll", () => {
      if (performance.now() < quietUntil || !isTogether(shelf)) return;
      quietUntil = performance.now() + QUIET_MS / 4;
      for (const other of scrolling(shelf)) {
        if (other === box) continue;
        other.scrollLeft = share(box.scrollLeft, box.scrollWidth, box.clientWidth) * (other.scrollWidth - other.clientWidth);
        other.scrollTop = share(box.scrollTop, box.scrollHeight, box.clientHeight) * (other.scrollHeight - other.clientHeight);
      }
    }, { passive: true });
  }
}

/** What a document in a box says is hostile: a share of its height that a frame of this page sends goes to the others of its shelf. */
window.addEventListener("message", (event) => {
  const place = event.data?.penstockScroll;
  if (typeof place !== "number" || !(place >= 0 && place <= 1)) return;
  const shelf = shelves.find((one) => [...one.querySelectorAll("iframe")].some((frame) => frame.contentWindow === event.source));
  if (!shelf || !isTogether(shelf)) return;
  for (const frame of shelf.querySelectorAll("iframe")) if (frame.contentWindow !== event.source) frame.contentWindow.postMessage({ penstockScroll: place }, "*");
});

