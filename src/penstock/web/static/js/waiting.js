// Waiting that says so. After 300 ms a part of the page shows that it waits, after 3 s why, and after 15 s it gives up: what happened, a
// button that asks again, and details to copy. The rest of the page goes on meanwhile.

import { icon, make, sprite, text } from "./dom.js";
import { isStranger } from "./session.js";

const SHOW_AFTER = 300;
const REASON_AFTER = 3000;
const GIVE_UP_AFTER = 15000;

/** An answer that is no success: what the server says of it, and by which id its log knows it. */
export class AnswerError extends Error {
  constructor(message, { address = "", status = 0, requestId = "" } = {}) {
    super(message);
    this.name = "AnswerError";
    Object.assign(this, { address, status, requestId });
  }
}

/** Fetch; an answer that is no success becomes an `AnswerError` with the server's own sentence where it gives one. */
export async function ask(address, options = {}) {
  if (options.signal) options.signal.address = String(address);
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  isStranger(answer);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new AnswerError(told.error ?? `${answer.status} ${answer.statusText}`, { address: String(address), status: answer.status, requestId: told.request_id });
}

/** Why something did not come, in the reader's words. */
export function why(error) {
  if (error.name === "TimeoutError") return text("no answer");
  return error instanceof TypeError ? text(navigator.onLine ? "unreachable" : "offline") : error.message;
}

/** The sentence, what to copy for whoever looks into it, and the way to try again. */
export function problem(error, again, address = error.address ?? "") {
  const sentence = why(error);
  const facts = [sentence, address && new URL(address, location.href).href, error.status, error.requestId && `request ${error.requestId}`, new Date().toISOString()];
  return make("div", { class: "problem-note", role: "alert" }, icon(sprite(), "warning"),
    make("p", { class: "problem-word" }, text("failed to load")), make("p", { class: "small wrap" }, sentence),
    make("div", { class: "row wrapping" },
      again ? make("button", { class: "button small", type: "button", onclick: again }, text("retry")) : null,
      make("button", { class: "button small ghost", type: "button", "data-copy": facts.filter(Boolean).join("\n") }, text("copy details"))));
}

/** Take the time of a wait in three stages; what is returned ends it. */
export function stages({ show, reason, giveUp }) {
  const timers = [setTimeout(show, SHOW_AFTER), setTimeout(reason, REASON_AFTER), setTimeout(giveUp, GIVE_UP_AFTER)];
  return () => timers.forEach(clearTimeout);
}

/** Mark `place` as waiting; returns functions that end it, well or with an error. `bars`: lines that stand for what will come. */
export function marked(place, { bars = 3, giveUp }) {
  place.querySelector(":scope > .problem-note")?.remove();
  const note = make("div", { class: "waiting-note", "data-keep": true });
  const end = stages({
    show: () => {
      place.setAttribute("aria-busy", "true");
      if (!place.childElementCount) note.append(...Array.from({ length: bars }, () => make("div", { class: "skeleton waiting-bar" })));
      place.prepend(note);
    },
    reason: () => note.prepend(make("p", { class: "small muted", role: "status" }, text(navigator.onLine ? "slow" : "offline"))),
    giveUp,
  });
  const stop = () => {
    end();
    note.remove();
    place.removeAttribute("aria-busy");
  };
  return {
    done: stop,
    failed: (error, again, address) => {
      stop();
      place.prepend(problem(error, again, address));
    },
  };
}

/**
 * Wait for `work(signal)` in sight of the reader, at `place`; its result, or undefined when it failed, which `place` says then. `again` is what
 * the button does. A newer wait at the same place takes the older one's mark away, and what the older one brings comes too late.
 */
export async function waitAt(place, work, again, options = {}) {
  place.waiting?.abort();
  const abort = (place.waiting = new AbortController());
  const mark = marked(place, { ...options, giveUp: () => abort.abort(new DOMException("no answer", "TimeoutError")) });
  const { signal } = abort;
  const late = new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason), { once: true }));
  try {
    const result = await Promise.race([work(signal), late]);
    if (place.waiting !== abort) return undefined;
    mark.done();
    return result;
  } catch (error) {
    if (place.waiting === abort) mark.failed(signal.aborted ? signal.reason : error, again, error.address ?? signal.address);
    else mark.done();
    return undefined;
  }
}

/** Likewise for the text at an address. */
export const waitForText = (place, address, again, options = {}) => waitAt(place, (signal) => ask(address, { ...options, signal }).then((answer) => answer.text()), again, options);

// --- fragments that htmx fetches: menus, results of the search ----------------------------

const marks = new WeakMap();

/** What htmx asks for with GET waits in its target; a menu that cannot be filled says so and can be asked again. */
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.requestConfig.verb !== "get" || !detail.target?.isConnected) return;
  const { xhr, target } = detail;
  marks.set(xhr, marked(target, { bars: 2, giveUp: () => {
    xhr.isLate = true;
    xhr.abort();
  } }));
});
/** End the mark of a request, with what went wrong unless it went well or was taken back. */
function settle({ xhr, target, elt, pathInfo }, error) {
  const mark = marks.get(xhr);
  if (!mark) return;
  marks.delete(xhr);
  if (!error) {
    mark.done();
    return;
  }
  const path = pathInfo.finalRequestPath ?? pathInfo.requestPath;
  for (const note of target.querySelectorAll(":scope > .menu-note")) note.remove();
  mark.failed(error, () => window.htmx.ajax("GET", path, { source: elt, target }), path);
}
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const isOut = detail.xhr.status > 0 && isStranger(detail.xhr);
  if (detail.successful) settle(detail);
  else if (detail.xhr.status) settle(detail, new AnswerError(isOut ? text("signed out") : `${detail.xhr.status} ${detail.xhr.statusText}`, { status: detail.xhr.status }));
});
document.addEventListener("htmx:sendAbort", ({ detail }) => settle(detail, detail.xhr.isLate && new DOMException("no answer", "TimeoutError")));
document.addEventListener("htmx:sendError", ({ detail }) => settle(detail, new TypeError("no connection")));
