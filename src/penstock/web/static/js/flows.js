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
new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
follow();
