// The new-run form: reloads for another pipeline, switches between form and YAML, checks JSON fields, fetches plan and next times.

import "./choices.js";
import { text } from "./dom.js";
import { ask, waitForText, why } from "./waiting.js";

const KEPT = "penstock new run"; // what was typed before another pipeline or version was chosen

const form = document.querySelector("[data-new-run]");
const place = document.getElementById("plan");

const isSwitch = (field) => field.type === "radio" || field.type === "checkbox";
const kindOf = (field) => form.elements[`type:${field.name.slice("parameter:".length)}`]?.value;

function isTouched(field) {
  if (isSwitch(field)) return field.checked !== field.defaultChecked;
  if (field.options) return field.value !== ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value;
  return field.value !== field.defaultValue;
}

/** Take what was typed along to the form of another pipeline or version. */
function keep() {
  const touched = [...form.elements].filter((field) => field.name && !field.dataset.reload && field.type !== "hidden" && isTouched(field));
  const kept = touched.map((field) => ({ name: field.name, value: field.value, is: isSwitch(field) ? field.checked : null, kind: kindOf(field) }));
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

function putBack() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  sessionStorage.removeItem(KEPT);
  for (const { name, value, is, kind } of kept) {
    const field = [...form.elements].find((one) => one.name === name && (is === null || one.value === value));
    if (!field || kindOf(field) !== kind) continue;
    if (is === null) field.value = value;
    else field.checked = is;
    if (field.options && field.selectedIndex < 0) field.selectedIndex = 0;
  }
}

for (const field of form.querySelectorAll("[data-reload]")) {
  field.addEventListener("change", () => {
    const address = new URL(location.href);
    if (field.dataset.reload === "pipeline") address.searchParams.delete("version");
    address.searchParams.set(field.dataset.reload, field.value);
    address.searchParams.set("kind", form.elements.kind.value);
    keep();
    location.href = address;
  });
}

/** Show a part of the form or hide it. What is hidden takes no part: a wrong value there would stop the form where nobody sees it. */
function showPart(name, isShown) {
  const part = form.querySelector(`[${name}]`);
  part.hidden = !isShown;
  for (const field of part.querySelectorAll("input:not([type=hidden]), select, textarea")) field.disabled = !isShown;
}

function showMode() {
  const isYaml = form.elements.mode?.value === "yaml";
  showPart("data-mode-form", !isYaml);
  showPart("data-mode-yaml", isYaml);
  showPart("data-recurring", form.elements.kind.value === "recurring");
  showPart("data-once", form.elements.kind.value !== "recurring");
}

function checkJson(field) {
  const problem = field.nextElementSibling;
  let message = "";
  if (field.value.trim()) {
    try {
      const value = JSON.parse(field.value);
      if (Array.isArray(value) !== (field.dataset.json === "LIST")) message = text(field.dataset.json === "LIST" ? "a list" : "an object");
      else if (value === null || typeof value !== "object") message = text("an object");
    } catch (error) {
      message = document.documentElement.lang === "en" ? error.message : text("not JSON");
    }
  }
  field.setAttribute("aria-invalid", String(message !== ""));
  field.setCustomValidity(message);
  problem.hidden = message === "";
  problem.textContent = message;
}

async function post(address, target) {
  const html = await waitForText(target, address, () => post(address, target), { method: "POST", body: new FormData(form), headers: { "hx-request": "true" } });
  if (html === undefined) return;
  const page = new DOMParser().parseFromString(html, "text/html");
  target.replaceChildren(...page.body.childNodes);
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}

let timer = null;
function refresh() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (form.elements.pipeline.value || form.elements.spec_digest.value) post("/ui/runs/plan", place);
    if (form.elements.kind.value === "recurring") post("/ui/recurring/fires", document.getElementById("fires"));
  }, 350);
}

let mode;

/** Take what was written in one tab over to the other; what cannot be read keeps the reader where it can be mended. */
async function convert() {
  const wanted = form.elements.mode.value;
  const unread = [...form.elements].find((field) => field.name?.startsWith("parameter:") && field.validity.badInput); // which counts as empty
  if (unread) {
    form.elements.mode.value = mode;
    unread.reportValidity();
    return;
  }
  const problem = document.getElementById("mode-problem");
  const data = new FormData(form);
  data.set("mode", mode);
  const found = await ask("/ui/runs/convert", { method: "POST", body: data, headers: { "hx-request": "true" } })
    .then((answer) => answer.json()).catch((error) => ({ problem: why(error) }));
  problem.hidden = !found.problem;
  problem.textContent = found.problem ?? "";
  if (found.problem) form.elements.mode.value = mode;
  else {
    mode = wanted;
    if (found.yaml !== undefined) form.elements.yaml.value = found.yaml;
    for (const [name, value] of Object.entries(found.fields ?? {})) {
      const field = form.elements[`parameter:${name}`];
      if (!field) continue;
      if (value !== "" && field.options && ![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
      field.value = value;
      if (field.matches("[data-json]")) checkJson(field);
    }
  }
  showMode();
  refresh();
}

/** A clone says which of its values are no longer those of the run that it was made from. */
const given = new Map([...form.querySelectorAll("[name^='parameter:']")].map((field) => [field, field.value]));
function showDiffering() {
  for (const mark of form.querySelectorAll("[data-differs]")) {
    const field = mark.closest(".field").querySelector("[name^='parameter:']");
    mark.hidden = !field || field.value === given.get(field);
    const other = mark.closest("label").querySelector("[data-not-default]");
    if (other) other.hidden = !mark.hidden;
  }
}

form.addEventListener("change", (event) => {
  showDiffering();
  if (event.target.name === "mode") {
    convert();
    return;
  }
  showMode();
  refresh();
});
form.addEventListener("input", (event) => {
  if (event.target.matches("[data-json]")) checkJson(event.target);
  showDiffering();
  refresh();
});
document.querySelector("[data-plan]").addEventListener("click", refresh);
putBack();
mode = form.elements.mode?.value;
for (const field of form.querySelectorAll("[data-json]")) checkJson(field);
showDiffering();
showMode();
refresh();
