// Order, widths and pins of a table's columns, which of them are hidden, and the height of its rows: those of the address, where a view or a
// link brings some, else those that this browser keeps by table and key of the column. Widths are rules of a style sheet that counts columns,
// so that rows which come later have them too. The menu does by keyboard what dragging a heading or its edge does by pointer.

import { arrange, ordered, startDragging } from "./column_order.js";
import { icon, make, sprite, text } from "./dom.js";

const LEAST = 48;
const MOST = 900;
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const keyOf = (table) => `penstock.columns.${table.dataset.table}`;
const rowsOf = (table) => `penstock.rows.${table.dataset.table}`;
const orderOf = (table) => `penstock.order.${table.dataset.table}`;
const differencesOf = (table) => `penstock.differences.${table.dataset.table}`;

/** The layout that the address brings, of a view or of a link; null without one. Anybody may have written it. */
function addressed() {
  const text = new URLSearchParams(location.search).get("layout");
  if (text === null) return null;
  const given = parsed(text);
  const columns = Object.entries(given.columns ?? {}).map(([name, value]) => {
    const width = Number(value?.width);
    return [name, { ...(width > 0 && { width: fitted(width) }), ...(value?.isPinned === true && { isPinned: true }), ...(value?.isHidden === true && { isHidden: true }) }];
  });
  return { columns: Object.fromEntries(columns), order: names(given.order), isCompact: given.isCompact === true, isDiffering: given.isDiffering === true };
}

function parsed(text) {
  try {
    return JSON.parse(text ?? "{}") ?? {};
  } catch {
    return {};
  }
}

const names = (given) => (Array.isArray(given) ? given.filter((name) => typeof name === "string") : []);

/** What is shown of a table: `{columns: {name: {width, isPinned, isHidden}}, order: [name], isCompact, isDiffering}`; the address goes before what this browser keeps. */
function layoutOf(table) {
  return addressed() ?? {
    columns: parsed(localStorage.getItem(keyOf(table))),
    order: names(parsed(localStorage.getItem(orderOf(table)))),
    isCompact: localStorage.getItem(rowsOf(table)) === "compact",
    isDiffering: localStorage.getItem(differencesOf(table)) === "yes",
  };
}

const choices = (table) => layoutOf(table).columns;

/** The address of this page with a layout; null takes it away. */
function addressWith(layout) {
  const address = new URL(location.href);
  if (layout) address.searchParams.set("layout", JSON.stringify({ columns: layout.columns, ...(layout.order.length && { order: layout.order }), ...(layout.isCompact && { isCompact: true }), ...(layout.isDiffering && { isDiffering: true }) }));
  else address.searchParams.delete("layout");
  return address;
}

/** Keep a layout where it came from: in the address, with the links that lead on from it, or in this browser. */
function keep(table, layout) {
  if (addressed()) {
    const address = addressWith(layout);
    history.replaceState(history.state, "", address);
    const text = address.searchParams.get("layout");
    for (const field of document.querySelectorAll("input[type=hidden][name=layout]")) field.value = text;
    for (const link of document.querySelectorAll("main a[href*='layout=']")) {
      const target = new URL(link.href);
      if (target.pathname !== address.pathname || link.closest(".view-list")) continue;
      target.searchParams.set("layout", text);
      link.href = target.pathname + target.search + target.hash;
    }
  } else {
    localStorage.setItem(keyOf(table), JSON.stringify(layout.columns));
    if (layout.order.length) localStorage.setItem(orderOf(table), JSON.stringify(layout.order));
    else localStorage.removeItem(orderOf(table));
    if (layout.isCompact) localStorage.setItem(rowsOf(table), "compact");
    else localStorage.removeItem(rowsOf(table));
    if (layout.isDiffering) localStorage.setItem(differencesOf(table), "yes");
    else localStorage.removeItem(differencesOf(table));
  }
  draw();
}

function choose(table, name, change) {
  const layout = layoutOf(table);
  const next = { ...layout.columns[name], ...change };
  if (!next.width) delete next.width;
  if (!next.isPinned) delete next.isPinned;
  if (!next.isHidden) delete next.isHidden;
  if (Object.keys(next).length) layout.columns[name] = next;
  else delete layout.columns[name];
  keep(table, layout);
}

/** Headings that name a column. */
function heads(table) {
  return [...table.querySelectorAll("thead > tr > *")].filter((head) => head.matches("th") && nameOf(head));
}

/** Key of a column: the same in every language where the server gives one. */
function nameOf(head) {
  return head.dataset.key ?? (head.querySelector("a.sort") ?? head).textContent.trim();
}

/** Names of the columns of each table as the server has them, before the reader's order. */
const served = new Map();

/** Put the tables of a document into the reader's order. */
function arrangeAll(root) {
  for (const table of root.querySelectorAll("table[data-table]")) {
    served.set(table.dataset.table, heads(table).map(nameOf));
    arrangeOne(table);
  }
}

function arrangeOne(table) {
  const before = served.get(table.dataset.table) ?? [];
  arrange(table, ordered(before, layoutOf(table).order), nameOf);
}

/** Put a column beside another one. */
function moveBeside(table, name, other, isAfter) {
  const layout = layoutOf(table);
  const order = heads(table).map(nameOf).filter((one) => one !== name);
  order.splice(order.indexOf(other) + (isAfter ? 1 : 0), 0, name);
  keep(table, { ...layout, order });
}

/** Let exports have their fields in the order of the columns. */
function orderExports() {
  const [table] = tables();
  if (!table) return;
  const { order } = layoutOf(table);
  for (const link of document.querySelectorAll(".table-tools a[download]")) {
    const address = new URL(link.href);
    address.searchParams.delete("order");
    for (const name of order) address.searchParams.append("order", name);
    link.href = address.pathname + address.search;
    const call = link.closest(".menu-body").querySelector("pre code");
    if (address.searchParams.get("format") === "json") call.textContent = call.textContent.replace(/^(curl '\w+:\/\/[^/]+).*$/s, (whole, start) => `${start}${link.getAttribute("href")}'`);
  }
}

const place = (head) => [...head.parentElement.children].indexOf(head) + 1;
/** What selects all cells of a heading's column. */
const cellsOf = (table, head) => `table[data-table="${CSS.escape(table.dataset.table)}"] > * > tr > :nth-child(${place(head)})`;
const apply = (rules) => sheet.replaceSync(`@media (min-width: 40.01rem) { ${rules.join("\n")} }`);
const tables = () => [...document.querySelectorAll("table[data-table]")];

/** Whether a column says the same in every row that is shown. */
function isConstant(table, head) {
  const at = place(head) - 1;
  const cells = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => row.cells.length > at).map((row) => row.cells[at]);
  return cells.length > 1 && cells.every((cell) => cell.textContent.trim() === cells[0].textContent.trim());
}

/** Rules of all tables from what was chosen, and the edges to drag. */
function draw() {
  const rules = [];
  for (const table of tables()) {
    arrangeOne(table);
    const { columns: chosen, isCompact, isDiffering } = layoutOf(table);
    if (isCompact) rules.push(`table[data-table="${CSS.escape(table.dataset.table)}"] { --row: 1.65rem; --row-pad: 0; }`);
    for (const head of heads(table)) {
      const { width, isHidden } = chosen[nameOf(head)] ?? {};
      if (!head.classList.contains("lead") && (isHidden || (isDiffering && isConstant(table, head)))) rules.push(`${cellsOf(table, head)} { display: none; }`);
      if (width) rules.push(`${cellsOf(table, head)} { width: ${width}px; min-width: ${width}px; max-width: ${width}px; overflow: hidden; text-overflow: ellipsis; }`);
      if (!head.querySelector(":scope > .column-edge")) head.append(make("span", { class: "column-edge", "aria-hidden": "true", title: text("column width") }));
    }
  }
  apply(rules);
  const pins = pinned();
  if (pins.length) apply([...rules, ...pins]);
  orderExports();
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

/** A button that moves a column of the menu past the one before (-1) or after it (1). */
function mover(table, name, shown, step) {
  const button = make("button", { type: "button", class: "button small icon-only", "aria-label": `${text(step < 0 ? "move up" : "move down")}: ${shown}`, onclick: () => {
    const item = button.closest("li");
    const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    moveBeside(table, name, other.dataset.key, step > 0);
    other[step < 0 ? "before" : "after"](item);
    button.focus();
  } }, icon(sprite(), step < 0 ? "chevron-up" : "chevron-down"));
  return button;
}

/** The rows of the menu: each column with its place, pin and width. */
function fill(table, list) {
  const chosen = choices(table);
  const isSticky = table.classList.contains("first-sticky");
  list.replaceChildren(...heads(table).map((head) => {
    const name = nameOf(head);
    const shown = (head.querySelector("a.sort") ?? head).textContent.trim();
    const { width, isPinned, isHidden } = chosen[name] ?? {};
    const isLead = isSticky && head.classList.contains("lead");
    const shows = make("input", { type: "checkbox", checked: !isHidden, disabled: head.classList.contains("lead"), "aria-label": `${text("show column")}: ${shown}` });
    shows.addEventListener("change", () => choose(table, name, { isHidden: !shows.checked }));
    const pins = make("input", { type: "checkbox", checked: isLead || isPinned, disabled: isLead, "aria-label": `${text("pin column")}: ${shown}` });
    pins.addEventListener("change", () => choose(table, name, { isPinned: pins.checked }));
    const field = make("input", { class: "column-width", type: "number", min: LEAST, max: MOST, step: 8, value: width ?? "", placeholder: String(head.offsetWidth), "aria-label": `${text("column width")}: ${shown}` });
    field.addEventListener("change", () => choose(table, name, { width: field.value ? fitted(Number(field.value)) : 0 }));
    return make("li", { "data-name": shown.toLowerCase(), "data-key": name }, make("label", { class: "grow cut" }, shows, shown), mover(table, name, shown, -1), mover(table, name, shown, 1), make("label", { class: "pin-choice", title: text("pin column") }, pins, text("pinned")), field);
  }));
}

/** A part of the columns menu; where the table has none, a menu of its own. */
function addMenu(table) {
  const tools = document.querySelector(".table-tools");
  if (!tools || tools.querySelector("[data-column-layout]")) return;
  const list = make("ul", { class: "column-list" });
  const isChosenBelow = tools.querySelector('[data-column-form]:not([data-column-form="keys"])') !== null; // the server chooses and compares these columns already
  const differing = isChosenBelow ? null : make("input", { type: "checkbox", onchange: () => keep(table, { ...layoutOf(table), isDiffering: differing.checked }) });
  const find = isChosenBelow ? null : make("input", { type: "search", placeholder: text("find column"), "aria-label": text("find column"), oninput: () => {
    for (const item of list.children) item.hidden = !item.dataset.name.includes(find.value.toLowerCase());
  } });
  const compact = make("input", { type: "checkbox", onchange: () => keep(table, { ...layoutOf(table), isCompact: compact.checked }) });
  const paged = make("input", { type: "checkbox", checked: localStorage.getItem("penstock.paging") !== "pages", onchange: () => {
    if (paged.checked) localStorage.removeItem("penstock.paging");
    else localStorage.setItem("penstock.paging", "pages");
  } });
  const reset = make("button", { class: "button small", type: "button", onclick: () => {
    keep(table, { columns: {}, order: [], isCompact: false, isDiffering: false });
    fill(table, list);
    compact.checked = false;
    if (differing) differing.checked = false;
  } }, text("reset columns"));
  const link = make("button", { class: "button small", type: "button", onclick: () => { link.dataset.copy = addressWith(layoutOf(table)); } }, text("copy layout"));
  const part = make("div", { "data-column-layout": "" }, make("label", { class: "row tight" }, compact, text("compact rows")), make("label", { class: "row tight" }, paged, text("go on")), differing ? make("label", { class: "row tight" }, differing, text("only differences")) : null, find, make("h2", {}, text("pin and width")), list, make("div", { class: "row tight wrapping view-name" }, reset, link));
  let menu = tools.querySelector("details[data-columns]");
  if (menu) menu.querySelector(".menu-body").append(make("hr"), part);
  else {
    menu = make("details", { class: "menu", "data-columns": table.dataset.table, "data-added": true }, make("summary", { class: "button" }, icon(sprite(), "columns"), text("columns")), make("div", { class: "menu-body wide" }, part));
    tools.insertBefore(menu, tools.querySelector(":scope > details[data-groups]") ?? tools.querySelector(":scope > details.menu"));
  }
  menu.addEventListener("toggle", () => {
    compact.checked = layoutOf(table).isCompact;
    if (differing) differing.checked = layoutOf(table).isDiffering;
    fill(document.querySelector(`table[data-table="${CSS.escape(table.dataset.table)}"]`) ?? table, list);
  });
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
startDragging(heads, (table, head, target, isAfter) => moveBeside(table, nameOf(head), nameOf(target), isAfter));
document.addEventListener("penstock:fetched", (event) => arrangeAll(event.detail));
document.addEventListener("penstock:patched", draw);
/** The server's own order of chosen columns goes before an order that was made by dragging. */
document.addEventListener("submit", (event) => {
  const [table] = tables();
  if (!table || !event.target.matches("[data-column-form]")) return;
  const chosen = new Set([...event.target.querySelectorAll("[data-column]")].map((item) => item.dataset.column));
  const layout = layoutOf(table);
  keep(table, { ...layout, order: layout.order.filter((name) => !chosen.has(name)) });
}, true);

/** A view takes along what this table looks like now. */
document.addEventListener("submit", (event) => {
  const [table] = tables();
  if (!event.target.matches("[data-save-view]") || !table) return;
  event.target.querySelector("input[name=layout]")?.remove();
  event.target.append(make("input", { type: "hidden", name: "layout", value: addressWith(layoutOf(table)).searchParams.get("layout") }));
}, true);

arrangeAll(document);
for (const table of tables()) addMenu(table);
draw();
