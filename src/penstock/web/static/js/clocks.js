// Times in the reader's zone, in the forms of the server (`web/texts/zones.py`), which shows them so itself once it knows the zone.

import { remember, text } from "./dom.js";

const root = document.documentElement;
const chosen = root.dataset.zoneChoice ?? "";
const ofBrowser = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** Name of the reader's zone. */
export const zone = chosen || ofBrowser;

/** Whether the server wrote this page's times in another zone: on the first page, or where it has no data of the zone. */
const isStrange = root.dataset.zone !== zone;

let formats;

/** `2026-11-29 08:12:03` of a moment in milliseconds. The first call costs more than the rest of a page's start: not for every element. */
export function clock(moment) {
  formats ??= [
    new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }),
    new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "shortOffset" }),
  ];
  return formats[0].format(moment);
}

/** A moment in milliseconds as a field for times has it, in the reader's zone. */
export function fieldTime(moment) {
  const whole = Math.floor(moment / 1000) * 1000;
  return `${clock(whole).replace(" ", "T")}.${String(Math.round(moment - whole)).padStart(3, "0")}`;
}

/** The moment in milliseconds that a field for times names in the reader's zone; NaN for none. */
export function momentOf(text) {
  const wanted = Date.parse(`${text}Z`);
  let moment = wanted;
  for (let turn = 0; turn < 3 && !Number.isNaN(moment); turn += 1) moment += wanted - Date.parse(`${fieldTime(moment)}Z`); // where clocks are put on, a turn may land beside it
  return moment;
}

/** `UTC+1` of a moment in milliseconds. */
function offset(moment) {
  clock(moment);
  const part = formats[1].formatToParts(moment).find((one) => one.type === "timeZoneName");
  return (part?.value ?? "UTC").replace("GMT", "UTC");
}

/** Write the times of the page anew. */
function rewrite() {
  if (!isStrange) return;
  for (const element of document.querySelectorAll("[data-at]:not([data-local])")) {
    const moment = Date.parse(element.dataset.at);
    element.dataset.local = "yes";
    element.textContent = element.matches("time") ? `${clock(moment)} ${offset(moment)}` : clock(moment);
  }
}
if (!chosen && isStrange) remember("penstock_browser_zone", ofBrowser);
rewrite();
document.addEventListener("penstock:patched", rewrite);
document.addEventListener("htmx:afterSwap", rewrite);

document.addEventListener("pointerover", (event) => {
  const element = event.target.closest?.("time[data-ago]");
  if (!element || !isStrange || element.dataset.local) return;
  const moment = Date.parse(element.dateTime);
  element.dataset.local = "yes";
  element.title = `${clock(moment)} ${offset(moment)}`;
});

/** What is copied has times in ISO 8601, whatever form and zone they are shown in. */
document.addEventListener("copy", (event) => {
  const selection = document.getSelection();
  if (event.defaultPrevented || !selection || selection.isCollapsed || event.target.closest?.("input, textarea")) return;
  const times = [...document.querySelectorAll("time[datetime]")].filter((element) => selection.containsNode(element, true));
  let rest = selection.toString();
  let copied = "";
  let isChanged = false;
  for (const element of times) {
    const at = rest.indexOf(element.textContent);
    if (at < 0 || !element.textContent) continue;
    copied += rest.slice(0, at) + element.dateTime;
    rest = rest.slice(at + element.textContent.length);
    isChanged = true;
  }
  if (!isChanged) return;
  event.preventDefault();
  event.clipboardData.setData("text/plain", copied + rest);
});

/** The list of zones is long, so it is made when it is asked for. */
function fill(select) {
  if (select.dataset.filled) return;
  select.dataset.filled = "yes";
  select.options[0].textContent = `${text("browser zone")}: ${ofBrowser}`;
  add(select);
}

/** Let every time zone be chosen in a list that has but a few. */
function add(select) {
  const known = new Set([...select.options].map((option) => option.value));
  for (const name of ["UTC", ...Intl.supportedValuesOf("timeZone")]) if (!known.has(name)) select.add(new Option(name, name));
}

const select = document.querySelector("[data-zone-select]");
for (const other of document.querySelectorAll("[data-cron-zone]")) {
  other.addEventListener("focus", () => add(other), { once: true });
  other.addEventListener("pointerdown", () => add(other), { once: true });
}
select?.closest("details").addEventListener("toggle", () => fill(select));
select?.addEventListener("change", () => {
  remember("penstock_zone", select.value);
  location.reload();
});
