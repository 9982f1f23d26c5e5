// Tables of previews: rows that are shown sorted by a column and filtered by words, here in the browser; the text below says how many of
// the file's rows these are.

const PAUSE = 120;

function valueOf(row, at, kind) {
  const text = row.cells[at]?.textContent.trim() ?? "";
  if (kind !== "number") return text.toLowerCase();
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

/** Order of two values; what is missing stands last whichever way the others go. */
function compared(a, b, isDown) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  return isDown ? -order : order;
}

function sort(button) {
  const head = button.closest("th");
  const body = head.closest("table").tBodies[0];
  const isDown = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const rows = [...body.rows].map((row) => [valueOf(row, head.cellIndex, button.dataset.siftSort), row]);
  rows.sort(([a], [b]) => compared(a, b, isDown));
  body.append(...rows.map(([, row]) => row));
}

function filter(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const place = field.closest("[data-sift]");
  const rows = [...place.querySelector("tbody").rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  place.querySelector("[data-sift-count]").textContent = words.length ? `${rows.filter((row) => !row.hidden).length} / ${rows.length}` : "";
}

let timer = 0;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-sift-sort]");
  if (button) sort(button);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-sift-words]")) return;
  clearTimeout(timer);
  timer = setTimeout(() => filter(event.target), PAUSE);
});
