// The run page's panel: opening tasks and tabs without leaving the page, address kept in step, keys, resizing.

import { icon, isTyping, make, remember, sprite, text } from "./dom.js";
import { startLogs } from "./logs.js";
import { startPreviews } from "./preview.js";
import { waitForText } from "./waiting.js";

const panel = document.getElementById("panel");
const body = document.getElementById("run-body");
const base = location.pathname;

/** Id of the task whose panel is open, or null. */
function selectedTask() {
  return panel?.querySelector("[data-panel-task]")?.dataset.panelTask ?? null;
}

/** Key of the tab that is open in the panel, or null. */
function openTab() {
  return panel.querySelector(".panel-tabs [aria-current]")?.dataset.panelTab ?? null;
}

/** Name of the output whose panel is open instead of its task's, or null. */
function selectedOutput() {
  return panel?.querySelector("[data-panel-output]")?.dataset.panelOutput ?? null;
}

/** Open a task in the panel, or what it puts out by the name `output`; `tab` null lets the server choose. */
export async function openTask(taskId, { tab = null, attempt = null, output = null, push = true } = {}) {
  const address = new URL(location.href);
  address.searchParams.set("task", taskId);
  for (const [name, value] of [["tab", tab], ["attempt", attempt], ["output", output]]) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  address.hash = "";
  const part = new URL(`${base}/tasks/${taskId}/panel${address.search}`, location.href);
  const focused = focusIn(panel);
  panel.hidden = false;
  body.classList.add("has-panel");
  const html = await waitForText(panel, part, () => openTask(taskId, { tab, attempt, output, push }), { bars: 6 });
  if (html === undefined) {
    leaveable();
    return;
  }
  const holder = new DOMParser().parseFromString(html, "text/html");
  panel.replaceChildren(...holder.body.childNodes);
  if (push) history.pushState({ task: taskId }, "", address);
  startLogs(panel);
  startPreviews(panel);
  window.htmx?.process(panel);
  if (focused) (panel.querySelector(focused) ?? panel).focus({ preventScroll: true });
  else if (!document.activeElement?.checkVisibility() || document.activeElement === document.body) panel.focus({ preventScroll: true }); // in a narrow window the panel is the page: what led to it is not there
  tellWidth();
  document.dispatchEvent(new CustomEvent("penstock:task", { detail: output === null ? taskId : `${taskId}#${output}` }));
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}

/** Where the panel could not be loaded, it still can be closed. */
function leaveable() {
  if (!panel.querySelector(":scope > .problem-note") || panel.querySelector("[data-panel-close]")) return;
  panel.append(make("a", { class: "button ghost small square panel-leave", href: base, "data-panel-close": true, "aria-label": text("close"), title: text("close") }, icon(sprite(), "x")));
}

/** How to find what has the focus in the panel again, once the panel has other content; empty while the focus is elsewhere. */
function focusIn(place) {
  const here = document.activeElement;
  if (!place.contains(here)) return "";
  for (const name of ["panelTab", "taskStep", "loopAxis", "panelAttempt", "panelIteration"]) {
    if (!(name in here.dataset)) continue;
    const attribute = `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return here.dataset[name] ? `[${attribute}="${here.dataset[name]}"]` : `[${attribute}]`;
  }
  return "[data-panel-close]";
}

/** Close the panel. */
function closeTask({ push = true } = {}) {
  const hadFocus = panel.contains(document.activeElement);
  const output = selectedOutput();
  const task = output === null ? selectedTask() : `${selectedTask()}#${output}`;
  panel.waiting?.abort();
  panel.hidden = true;
  panel.replaceChildren();
  body.classList.remove("has-panel", "panel-only");
  const address = new URL(location.href);
  for (const name of ["task", "tab", "attempt", "output", "panel"]) address.searchParams.delete(name);
  if (push) history.pushState({}, "", address);
  document.dispatchEvent(new CustomEvent("penstock:task", { detail: null }));
  // Whoever was in the panel goes on where it was opened: at the task's node or row.
  if (hadFocus && task) document.querySelector(`#run-view [data-node="${CSS.escape(task)}"], #run-view #task-row-${CSS.escape(task)} a, #run-view a[href*="task=${CSS.escape(task)}"]`)?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest?.("a");
  if (!link || !panel) return;
  const address = new URL(link.href, location.href);
  if (link.matches("[data-panel-close]")) {
    event.preventDefault();
    closeTask();
  } else if (link.matches("[data-panel-tab]")) {
    event.preventDefault();
    openTask(selectedTask(), { tab: link.dataset.panelTab, attempt: address.searchParams.get("attempt"), output: selectedOutput() });
  } else if (link.matches("[data-task-link], [data-panel-link]") && address.pathname === base) {
    event.preventDefault();
    openTask(address.searchParams.get("task"), { tab: address.searchParams.get("tab"), attempt: address.searchParams.get("attempt") });
  }
});

window.addEventListener("popstate", () => {
  const parameters = new URL(location.href).searchParams;
  const task = parameters.get("task");
  if (task) openTask(task, { tab: parameters.get("tab"), attempt: parameters.get("attempt"), output: parameters.get("output"), push: false });
  else if (panel && !panel.hidden) closeTask({ push: false });
});

/** Tasks in the order of the table twin or of the graph. */
function step(direction) {
  const ids = [...document.querySelectorAll("[data-node]:not(.is-group, .is-artifact), [id^=task-row-]")].map((row) => row.dataset.node ?? row.id.slice(9));
  const order = [...new Set(ids)];
  if (!order.length) return;
  const at = order.indexOf(selectedTask());
  openTask(order[(at + direction + order.length) % order.length], { tab: at < 0 ? null : openTab() });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-task-step]");
  if (button) step(Number(button.dataset.taskStep));
});

document.addEventListener("change", async (event) => {
  const axis = event.target.closest?.("[data-loop-axis]")?.dataset.loopAxis;
  if (axis) {
    const address = new URL(location.href);
    address.searchParams.set(axis, event.target.value);
    history.replaceState(history.state, "", address);
    await openTask(selectedTask(), { tab: openTab(), push: false });
    panel.querySelector(`[data-loop-axis="${axis}"]`)?.focus({ preventScroll: true });
    return;
  }
  if (event.target.closest?.("[data-panel-iteration]")) {
    await openTask(event.target.value, { tab: openTab() });
    return;
  }
  const chosen = event.target.closest?.("[data-panel-attempt]");
  if (!chosen) return;
  await openTask(selectedTask(), { tab: openTab(), attempt: chosen.value || null });
});

document.addEventListener("keydown", (event) => {
  if (!panel || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "[" || event.key === "]") step(event.key === "[" ? -1 : 1);
  else if (event.key === "Escape" && !panel.hidden) closeTask();
  else if (/^[1-7]$/.test(event.key) && selectedTask()) panel.querySelectorAll("[data-panel-tab]")[Number(event.key) - 1]?.click();
});

/** Dragging or arrow keys on the left edge change the width; it is remembered. */
function resize(width) {
  const limited = Math.max(320, Math.min(window.innerWidth - 320, width));
  body.style.setProperty("--panel", `${limited}px`);
  remember("penstock_panel", String(Math.round(limited)));
  tellWidth();
}

/** Say how much of the window the panel has. */
function tellWidth() {
  panel.querySelector("[data-panel-resize]")?.setAttribute("aria-valuenow", String(Math.round(100 * panel.offsetWidth / window.innerWidth)));
}
const stored = /(?:^|; )penstock_panel=(\d+)/.exec(document.cookie);
if (stored && body) body.style.setProperty("--panel", `${Math.min(Number(stored[1]), window.innerWidth - 320)}px`);
document.addEventListener("pointerdown", (event) => {
  const edge = event.target.closest?.("[data-panel-resize]");
  if (!edge) return;
  event.preventDefault();
  edge.setPointerCapture(event.pointerId);
  const move = (moved) => resize(window.innerWidth - moved.clientX);
  edge.addEventListener("pointermove", move);
  edge.addEventListener("pointerup", () => edge.removeEventListener("pointermove", move), { once: true });
});
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-panel-resize]")) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") resize(panel.offsetWidth + (event.key === "ArrowLeft" ? 32 : -32));
});

if (panel) {
  startLogs(panel);
  tellWidth();
}
