// Flow pages: while something in view is not over (`data-poll`), fetch the page again and patch what changed; keep logs at their end.

import { refresh } from "./live.js";

const PAUSE = 2000;

function follow() {
  for (const log of document.querySelectorAll("[data-follow]")) {
    if (log.dataset.held !== "yes" && !location.hash) log.scrollTop = log.scrollHeight;
  }
}

document.addEventListener("scroll", (event) => {
  const log = event.target;
  if (!(log instanceof Element) || !log.matches("[data-follow]")) return;
  log.dataset.held = log.scrollHeight - log.scrollTop - log.clientHeight > 24 ? "yes" : "no";
}, true);

setInterval(() => {
  if (!document.querySelector("[data-poll]") || document.querySelector("#flow-add-tag input:focus")) return;
  refresh();
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
new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
follow();
