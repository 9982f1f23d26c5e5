// Files to keep, which may be larger than a page holds: the browser fetches them, once the answer was begun here and what goes wrong could be said.

import { make, text } from "./dom.js";
import { say, settled } from "./notes.js";
import { AnswerError, ask, stages, why } from "./waiting.js";

const FRAME = "penstock-download";

const asking = new WeakSet();

/** Ask for a file without taking it: null when its answer begins, else the answer that it is. Raises what `ask` raises. */
export async function beginsFile(address, options = {}) {
  const abort = new AbortController();
  const answer = await ask(address, { ...options, signal: abort.signal });
  if (!(answer.headers.get("content-disposition") ?? "").startsWith("attachment")) return answer;
  abort.abort();
  return null;
}

/** Let the browser fetch a file in a frame that nobody sees: only what is no file is shown there, and then `failed(error)` is told. */
export function aside(begin, failed) {
  document.querySelector(`iframe[name="${FRAME}"]`)?.remove();
  const frame = make("iframe", { name: FRAME, hidden: true, "aria-hidden": "true", tabindex: "-1" });
  document.body.append(frame);
  frame.addEventListener("load", () => {
    if (frame.contentDocument?.URL === "about:blank") return; // as it was made
    frame.remove();
    failed(new TypeError("no connection"));
  });
  begin(frame);
}

async function follow(link) {
  const { href } = link;
  const failed = (error) => say(link, { sentence: why(error), again: () => follow(link), details: [why(error), href, error.status, error.requestId, new Date().toISOString()] });
  asking.add(link);
  link.setAttribute("aria-busy", "true");
  settled(link);
  const end = stages({ show: () => {}, reason: () => say(link, { sentence: text("slow") }), giveUp: () => {} });
  try {
    const answer = await beginsFile(href);
    settled(link);
    if (answer?.redirected) location.assign(answer.url);
    else if (answer) throw new AnswerError(text("failed to load"), { status: answer.status });
    else aside((frame) => { frame.src = href; }, failed);
  } catch (error) {
    failed(error);
  } finally {
    end();
    asking.delete(link);
    link.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[download]");
  if (!link?.isConnected || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (!link.protocol.startsWith("http") || link.origin !== location.origin || "reportExport" in link.dataset) return;
  event.preventDefault();
  if (!asking.has(link)) follow(link);
});
