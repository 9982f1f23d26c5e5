// Widths and pins of a table's columns, kept in this browser by table and name of the column. They are rules of a style sheet that counts
// columns, so that rows which come later have them too. The menu does by keyboard what dragging the edge of a heading does by pointer.

import { icon, make, text } from "./dom.js";

const LEAST = 48;
const MOST = 900;
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const keyOf = (table) => `penstock.columns.${table.dataset.table}`;

/** What the reader chose for a table: name of a column -> `{width, isPinned}`. */
function choices(table) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(table)) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

function choose(table, name, change) {
  const all = choices(table);
  const next = { ...all[name], ...change };
  if (!next.width) delete next.width;
  if (!next.isPinned) delete next.isPinned;
  if (Object.keys(next).length) all[name] = next;
  else delete all[name];
  localStorage.setItem(keyOf(table), JSON.stringify(all));
  draw();
}

/** Headings that name a column. */
function heads(table) {
  return [...table.querySelectorAll("thead > tr > *")].filter((head) => head.matches("th") && nameOf(head));
}

function nameOf(head) {
  return (head.querySelector("a.sort") ?? head).textContent.trim();
}

const place = (head) => [...head.parentElement.children].indexOf(head) + 1;
/** What selects all cells of a heading's column. */
const cellsOf = (table, head) => `table[data-table="${CSS.escape(table.dataset.table)}"] > * > tr > :nth-child(${place(head)})`;
const apply = (rules) => sheet.replaceSync(`@media (min-width: 40.01rem) { ${rules.join("\n")} }`);
const tables = () => [...document.querySelectorAll("table[data-table]")];

/** Rules of all tables from what was chosen, and the edges to drag. */
function draw() {
  const rules = [];
  for (const table of tables()) {
    const chosen = choices(table);
    for (const head of heads(table)) {
      const { width } = chosen[nameOf(head)] ?? {};
      if (width) rules.push(`${cellsOf(table, head)} { width: ${width}px; min-width: ${width}px; max-width: ${width}px; overflow: hidden; text-overflow: ellipsis; }`);
      if (!head.querySelector(":scope > .column-edge")) head.append(make("span", { class: "column-edge", "aria-hidden": "true", title: text("column width") }));
    }
  }
  apply(rules);
  const pins = pinned();
  if (pins.length) apply([...rules, ...pins]);
}

/** Rules of pinned columns, which stay at the left edge, one beside the other: their places follow from the widths that other rules gave. */
function pinned() {
  const rules = [];
  for (const table of tables()) {
    const chosen = choices(table);
    if (!Object.values(chosen).some((choice) => choice.isPinned)) continue; // widths are not asked for in vain: that costs a layout
    const isSticky = table.classList.contains("first-sticky");
    let left = 0;
    for (const head of heads(table)) {
      const isLead = isSticky && head.classList.contains("lead");
      if (!isLead && !chosen[nameOf(head)]?.isPinned) continue;
      if (!isLead) {
        const cells = cellsOf(table, head);
        rules.push(`${cells} { position: sticky; left: ${left}px; z-index: 2; background: var(--surface); } ${cells}:is(th[scope="col"]) { z-index: 4; }`);
      }
      left += head.offsetWidth;
    }
  }
  return rules;
}

function fitted(width) {
  return Math.round(Math.min(MOST, Math.max(LEAST, width)));
}

/** The rows of the menu: each column with its pin and width. */
function fill(table, list) {
  const chosen = choices(table);
  const isSticky = table.classList.contains("first-sticky");
  list.replaceChildren(...heads(table).map((head) => {
    const name = nameOf(head);
    const { width, isPinned } = chosen[name] ?? {};
    const isLead = isSticky && head.classList.contains("lead");
    const pins = make("input", { type: "checkbox", checked: isLead || isPinned, disabled: isLead, "aria-label": `${text("pin column")}: ${name}` });
    pins.addEventListener("change", () => choose(table, name, { isPinned: pins.checked }));
    const field = make("input", { class: "column-width", type: "number", min: LEAST, max: MOST, step: 8, value: width ?? "", placeholder: String(head.offsetWidth), "aria-label": `${text("column width")}: ${name}` });
    field.addEventListener("change", () => choose(table, name, { width: field.value ? fitted(Number(field.value)) : 0 }));
    return make("li", {}, make("label", { class: "grow cut" }, pins, name), field);
  }));
}

/** A part of the columns menu; where the table has none, a menu of its own. */
function addMenu(table) {
  const tools = document.querySelector(".table-tools");
  if (!tools || tools.querySelector("[data-column-layout]")) return;
  const list = make("ul", { class: "column-list" });
  const reset = make("button", { class: "button small", type: "button", onclick: () => {
    localStorage.removeItem(keyOf(table));
    draw();
    fill(table, list);
  } }, text("reset columns"));
  const part = make("div", { "data-column-layout": "" }, make("h3", {}, text("pin and width")), list, reset);
  let menu = tools.querySelector("details[data-columns]");
  if (menu) menu.querySelector(".menu-body").append(make("hr"), part);
  else {
    const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] ?? "";
    menu = make("details", { class: "menu", "data-columns": table.dataset.table }, make("summary", { class: "button" }, icon(sprite, "columns"), text("columns")), make("div", { class: "menu-body wide" }, part));
    tools.append(menu);
  }
  menu.addEventListener("toggle", () => fill(document.querySelector(`table[data-table="${CSS.escape(table.dataset.table)}"]`) ?? table, list));
}

document.addEventListener("pointerdown", (event) => {
  const edge = event.target.closest?.(".column-edge");
  if (!edge || event.button) return;
  event.preventDefault();
  const head = edge.parentElement;
  const table = head.closest("table");
  const [from, width] = [event.clientX, head.offsetWidth];
  const move = (next) => choose(table, nameOf(head), { width: fitted(width + next.clientX - from) });
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", () => document.removeEventListener("pointermove", move), { once: true });
});
document.addEventListener("dblclick", (event) => {
  const head = event.target.closest?.(".column-edge")?.parentElement;
  if (head) choose(head.closest("table"), nameOf(head), { width: 0 });
});
document.addEventListener("penstock:patched", draw);

for (const table of tables()) addMenu(table);
draw();
