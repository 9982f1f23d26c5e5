// Tables: row selection with a bulk bar, keyboard rows, completion in the filter bar. Works on whatever the server rendered.

import "./columns.js";

import { offered } from "./choices.js";
import { zone } from "./clocks.js";
import { isTyping, make, text } from "./dom.js";
import { grow, reveal } from "./long_list.js";

let last = null;

function boxes() {
  return [...document.querySelectorAll("[data-rows] tbody .pick input")];
}

function show() {
  const picked = boxes().filter((box) => box.checked);
  for (const box of boxes()) box.closest("tr").setAttribute("aria-selected", String(box.checked));
  const bar = document.querySelector("[data-bulk-bar]");
  if (!bar) return;
  bar.hidden = picked.length === 0;
  bar.querySelector("[data-bulk-count]").textContent = String(picked.length);
  const all = document.querySelector("[data-pick-all]");
  if (all) {
    all.checked = picked.length > 0 && picked.length === boxes().length;
    all.indeterminate = picked.length > 0 && !all.checked;
  }
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.(".pick input");
  if (box?.matches("[data-pick-all]")) {
    for (const other of boxes()) other.checked = box.checked;
  } else if (box) {
    if (event.shiftKey && last) {
      const list = boxes();
      const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
      for (const other of list.slice(from, to + 1)) other.checked = box.checked;
    }
    last = box;
  } else return;
  show();
});
document.addEventListener("penstock:patched", show);

const rowsShown = () => [...document.querySelectorAll("[data-rows] > tbody:not(.list-gap) > tr")];

async function moveCursor(step) {
  let rows = rowsShown();
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("is-cursor"));
  if (at + step === rows.length && await grow()) rows = rowsShown();
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))] ?? rows[0];
  for (const row of rows) row.classList.toggle("is-cursor", row === next);
  reveal(next);
  (next.querySelector("a.name") ?? next.querySelector("a"))?.focus();
}

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "j" || event.key === "k") moveCursor(event.key === "j" ? 1 : -1);
  else if (event.key === "x") {
    const box = document.querySelector("[data-rows] tr.is-cursor .pick input");
    if (box) {
      box.checked = !box.checked;
      last = box;
      show();
    }
  }
});

const STATES = ["failed", "running", "succeeded", "pending", "canceled", "skipped", "active"];
const TIMES = new Set(["created", "started", "finished", "activity", "active", "changed", "updated", "used", "deleted"]);

/** Values that need no server: states of the list, ages and dates where the reader is, yes or no. */
function knownValues(form, field) {
  if (field === "status" || field === "state") return form.dataset.states?.split(" ") ?? STATES;
  if (field === "last") return STATES;
  if (field === "cached") return ["yes", "no"];
  if (!TIMES.has(field)) return null;
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(new Date());
  return ["<1h", "<24h", "<7d", today, `${today}..`, today.slice(0, 7)];
}

/** Values of a field that contain `text`, from the server. */
function valuesOf(form, field, text) {
  const { values } = form.dataset;
  return offered(`${values}${values.includes("?") ? "&" : "?"}${new URLSearchParams({ field, text })}`);
}

/** Write a value as the filter bar reads it. */
function quoted(value) {
  return /[\s"]/.test(value) ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : value;
}

let completed = 0;

/** Offer field names, and values after `field:`. */
function complete(form) {
  const input = form.querySelector("input[type=search]");
  const fields = form.dataset.fields.split(" ").filter(Boolean);
  let list = null;
  // The focus stays in the field, which says where the arrows are in the list.
  const owned = `offered-${completed += 1}`;
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", owned]]) input.setAttribute(name, value);
  const close = () => {
    list?.remove();
    list = null;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const options = async (word) => {
    const [, field, text] = word.match(/^([\w.]+):"?([^"]*)$/) ?? [];
    const values = field ? knownValues(form, field) : null;
    if (values) return values.filter((value) => value.startsWith(text)).map((value) => `${field}:${value} `);
    if (field) return form.dataset.values ? (await valuesOf(form, field, text)).map((value) => `${field}:${quoted(value)} `) : [];
    return fields.filter((name) => name.startsWith(word) && word !== name).map((name) => `${name}:`);
  };
  let asked = 0;
  const offer = async () => {
    close();
    const turn = (asked += 1);
    const before = input.value.slice(0, input.selectionStart);
    const word = before.match(/\S*$/)[0];
    if (!word && input.value) return;
    const found = await options(word);
    if (!found.length || turn !== asked || document.activeElement !== input) return;
    list = make("div", { class: "suggest", id: owned, role: "listbox", "aria-label": text("offered") });
    for (const [place, option] of found.slice(0, 9).entries()) {
      list.append(make("button", {
        type: "button", tabindex: "-1", role: "option", "aria-selected": "false", id: `${owned}-${place}`,
        onmousedown: (event) => {
          event.preventDefault();
          input.value = before.slice(0, before.length - word.length) + option + input.value.slice(input.selectionStart);
          input.focus();
          offer();
        },
      }, option));
    }
    form.append(list);
    input.setAttribute("aria-expanded", "true");
  };
  input.addEventListener("input", offer);
  input.addEventListener("focus", offer);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const buttons = list ? [...list.children] : [];
    const at = buttons.findIndex((button) => button.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") {
      if (list) close();
      else input.blur();
      event.stopPropagation();
    } else if (buttons.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const next = buttons[(at + (event.key === "ArrowDown" ? 1 : buttons.length - 1)) % buttons.length] ?? buttons[0];
      for (const button of buttons) button.setAttribute("aria-selected", String(button === next));
      input.setAttribute("aria-activedescendant", next.id);
    } else if (at >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      buttons[at].dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true }));
    }
  });
}
for (const form of document.querySelectorAll("[data-filter]")) complete(form);

/** Column chooser: find by name, and order by moving up and down; the order of the boxes is the order of the columns. */
function choose(form) {
  form.querySelector("[data-column-search]").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const item of form.querySelectorAll("[data-column]")) item.hidden = !item.dataset.column.toLowerCase().includes(wanted);
  });
  form.addEventListener("click", (event) => {
    const step = Number(event.target.closest("[data-move]")?.dataset.move ?? 0);
    const item = event.target.closest("[data-column]");
    if (!step || !item) return;
    const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (other) other[step < 0 ? "before" : "after"](item);
    item.querySelector(`[data-move="${step}"]`).focus();
  });
  let dragged = null;
  for (const item of form.querySelectorAll("[data-column]")) item.draggable = true;
  form.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-column]");
  });
  form.addEventListener("dragover", (event) => {
    const over = event.target.closest?.("[data-column]");
    if (!dragged || !over) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    over[event.clientY < box.top + box.height / 2 ? "before" : "after"](dragged);
  });
  form.addEventListener("dragend", () => {
    dragged = null;
  });
}
for (const form of document.querySelectorAll("[data-column-form]")) choose(form);
show();
