// Tables of previews: rows that are shown sorted by a column, filtered by words and grouped by a column, here in the browser; the text below
// says how many of the file's rows these are. Groups are closed at first and say how many rows they hold and how their numbers are spread.

import { make, text } from "./dom.js";
import { askWhole, isWhole } from "./whole_rows.js";
import { shortNumber } from "./words.js";

const PAUSE = 120;
const tables = new WeakMap();

/** What is known of a table: its rows in their order, the column that groups them, the groups that are open. */
function stateOf(place) {
  if (!tables.has(place)) tables.set(place, { rows: [...place.querySelector("tbody").rows], by: -1, open: new Set() });
  return tables.get(place);
}

const textOf = (row, at) => row.cells[at]?.textContent.trim() ?? "";

function numberOf(row, at) {
  const text = textOf(row, at);
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
  const at = head.cellIndex;
  const isNumber = button.dataset.siftSort === "number";
  const isDown = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const place = head.closest("[data-sift]");
  const state = stateOf(place);
  const keyed = state.rows.map((row) => [isNumber ? numberOf(row, at) : textOf(row, at).toLowerCase(), row]);
  state.rows = keyed.sort(([a], [b]) => compared(a, b, isDown)).map(([, row]) => row);
  arrange(place);
}

/** The line of a group: its value and size in the column that groups, mean and range below the columns of numbers. */
function headOf(place, state, key, rows) {
  const heads = [...place.querySelectorAll("thead th")];
  const isOpen = state.open.has(key);
  const toggle = () => {
    state.open[isOpen ? "delete" : "add"](key);
    arrange(place);
    [...place.querySelectorAll(".sift-group button")].find((one) => one.dataset.key === key)?.focus();
  };
  const cells = heads.map((head, at) => {
    if (at === state.by) return make("th", { scope: "row" }, make("button", { class: "plain-button", type: "button", "aria-expanded": String(isOpen), "data-key": key, onclick: toggle }, key || text("no value"), " ", make("span", { class: "chip num" }, String(rows.length))));
    const numbers = head.classList.contains("right") ? rows.map((row) => numberOf(row, at)).filter((value) => value !== null) : [];
    if (!numbers.length) return make("td");
    const least = numbers.reduce((a, b) => Math.min(a, b));
    const most = numbers.reduce((a, b) => Math.max(a, b));
    return make("td", { class: "num" }, `⌀ ${shortNumber(numbers.reduce((a, b) => a + b, 0) / numbers.length)}`, make("span", { class: "sub" }, `${shortNumber(least)} … ${shortNumber(most)}`));
  });
  return make("tr", { class: "sift-group" }, ...cells);
}

/** Put the rows that the words leave into the table, in groups where a column was chosen. */
function arrange(place) {
  const state = stateOf(place);
  const field = place.querySelector("[data-sift-words]");
  const words = (field?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const shown = state.rows.filter((row) => {
    const text = row.textContent.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (field) place.querySelector("[data-sift-count]").textContent = words.length ? `${shown.length} / ${state.rows.length}` : "";
  const body = place.querySelector("tbody");
  if (state.by < 0) {
    body.replaceChildren(...shown);
    return;
  }
  const groups = new Map();
  for (const row of shown) {
    const key = textOf(row, state.by);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  const ordered = [...groups].sort(([, a], [, b]) => b.length - a.length);
  body.replaceChildren(...ordered.flatMap(([key, rows]) => [headOf(place, state, key, rows), ...(state.open.has(key) ? rows : [])]));
}

let timer = 0;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-sift-sort]");
  if (!button) return;
  if (isWhole(button)) askWhole(button.closest("[data-sift]"), { order: button });
  else sort(button);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-sift-words]")) return;
  clearTimeout(timer);
  const place = event.target.closest("[data-sift]");
  timer = setTimeout(() => (isWhole(place) ? askWhole(place, {}) : arrange(place)), isWhole(place) ? 4 * PAUSE : PAUSE);
});
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-sift-group]")) return;
  const place = event.target.closest("[data-sift]");
  if (isWhole(place)) {
    askWhole(place, {});
    return;
  }
  const state = stateOf(place);
  state.by = Number(event.target.value);
  state.open.clear();
  arrange(place);
});
// Fields that were set before this module came count as well.
for (const place of document.querySelectorAll("[data-sift]")) {
  if (isWhole(place)) continue;
  const by = Number(place.querySelector("[data-sift-group]")?.value ?? -1);
  if (by >= 0) stateOf(place).by = by;
  if (by >= 0 || place.querySelector("[data-sift-words]")?.value) arrange(place);
}
