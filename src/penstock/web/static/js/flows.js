// Flow pages: while something in view is not over (`data-poll`), fetch the page again and patch what changed; the viewer of logs starts.

import { refresh } from "./live.js";
import { startLogs } from "./logs.js";

const PAUSE = 2000;

// Where there was nothing to draw yet, the first step begins the page anew.
if (!document.getElementById("graph")) document.addEventListener("penstock:patched", () => document.getElementById("graph") && location.reload());

setInterval(() => {
  if (!document.querySelector("[data-poll]") || document.querySelector("#flow-add-tag input:focus")) return;
  refresh();
  document.dispatchEvent(new CustomEvent("penstock:change", { detail: null }));
}, PAUSE);
// Cards of a running task: what its step refreshes is handed into their frames, which say whether they took it. Frames are foreign: all that
// they can cause is that they are loaded again, at most once in a pause.

const taken = new WeakMap();

async function feed(frame) {
  const answer = await fetch(frame.dataset.update).catch(() => null);
  const update = answer?.ok ? await answer.json() : null;
  if (!update || taken.get(frame) === update.created_on) return;
  frame.contentWindow?.postMessage({ penstock: { token: update.reload_token, data: update.data, at: update.created_on } }, "*");
}

window.addEventListener("message", (event) => {
  const said = event.data?.penstock;
  const frame = said && [...document.querySelectorAll("iframe[data-update]")].find((one) => one.contentWindow === event.source);
  if (!frame) return;
  if (said.isOurs) taken.set(frame, said.at);
  else frame.src = frame.getAttribute("src");
});

setInterval(() => {
  if (!document.hidden) document.querySelectorAll("iframe[data-update]").forEach(feed);
}, PAUSE);
startLogs(document);
