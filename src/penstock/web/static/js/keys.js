// Single-key shortcuts: the reader may switch them off or give them other keys; kept in a cookie, for every page.
// A key of the reader's is turned into the key that the pages listen to before any of them hears of it.

import { isTyping, remember } from "./dom.js";

const COOKIE = "penstock_keys";
const fields = [...document.querySelectorAll("#keys [data-key]")];
const known = new Set([...fields.map((field) => field.dataset.key), ..."1234567"]);

function read() {
  const stored = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(document.cookie)?.[1];
  try {
    const { isOff, own } = JSON.parse(decodeURIComponent(stored ?? "%7B%7D"));
    return { isOff: isOff === true, own: typeof own === "object" && own !== null ? own : {} };
  } catch {
    return { isOff: false, own: {} };
  }
}

let settings = read();

function keep() {
  remember(COOKIE, JSON.stringify(settings));
  show();
}

function show() {
  const toggle = document.querySelector("[data-keys-on]");
  if (!toggle) return;
  toggle.checked = !settings.isOff;
  for (const field of fields) {
    field.value = settings.own[field.dataset.key] ?? field.dataset.key;
    field.disabled = settings.isOff;
  }
}

/** The key that the pages know for one that was pressed; null: it means nothing now. */
function meant(pressed) {
  const original = Object.keys(settings.own).find((key) => settings.own[key] === pressed);
  if (original) return original;
  return settings.own[pressed] ? null : pressed;
}

window.addEventListener("keydown", (event) => {
  if (!event.isTrusted || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const key = meant(event.key);
  const isShortcut = known.has(event.key) || (key !== null && known.has(key));
  if (!isShortcut || (key === event.key && !settings.isOff)) return;
  event.stopImmediatePropagation();
  if (settings.isOff || key === null) return;
  event.preventDefault();
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, composed: true }));
}, true);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-keys-on]")) {
    settings.isOff = !event.target.checked;
    keep();
  } else if (event.target.matches("#keys [data-key]")) {
    const { key } = event.target.dataset;
    const wanted = event.target.value.trim();
    const isTaken = fields.some((field) => field !== event.target && field.value === wanted) || /^[1-7]$/.test(wanted);
    if (!wanted || wanted === key) delete settings.own[key];
    else if (!isTaken) settings.own[key] = wanted;
    keep();
  }
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-keys-reset]")) return;
  settings = { isOff: false, own: {} };
  keep();
});

show();
