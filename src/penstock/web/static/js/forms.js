// Forms that change something. They are sent from here instead of by the browser, whose own page would take the place of what was typed when
// the server does not answer; what the server refuses is said beside what was typed, too. Without script they are sent by the browser.

import { make, text } from "./dom.js";
import { aside, beginsFile } from "./downloads.js";
import { patch } from "./live.js";
import { say, settled } from "./notes.js";
import { ask, stages, why } from "./waiting.js";

const KEPT_ALIVE_BYTES = 60000; // the most that browsers let go on when their reader goes elsewhere at once

const LEAVING_MS = 8000; // a reader who stopped the way to the next page may send the form again after that

const sending = new Set();

/** What the server says against it; its sentence is for the reader. */
class Refusal extends Error {
  constructor({ problem, request_id: requestId }) {
    super(problem);
    this.requestId = requestId;
  }
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const method = submitter?.getAttribute("formmethod") ?? form.getAttribute("method");
  if (event.defaultPrevented || method?.toLowerCase() !== "post") return;
  event.preventDefault();
  if (!sending.has(form)) submit(form, submitter);
});

// The browser showed a page again as it was left.
addEventListener("pageshow", (event) => event.persisted && sending.forEach(settle));

function settle(form) {
  sending.delete(form);
  form.removeAttribute("aria-busy");
}

async function submit(form, submitter) {
  sending.add(form);
  delete form.dataset.confirmed; // the next time is another one
  form.setAttribute("aria-busy", "true");
  settled(form);
  const end = stages({ show: () => {}, reason: () => say(form, { sentence: text("slow") }), giveUp: () => {} });
  const address = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href).href;
  let leaves = false;
  try {
    if (submitter && "file" in submitter.dataset) await fetchFile(form, submitter, address);
    else leaves = await arrive(await ask(address, asked(form, submitter)));
    settled(form);
  } catch (error) {
    const again = error instanceof Refusal ? null : () => submit(form, submitter);
    say(form, { ...told(error), again, details: [error.message, address, error.status, error.requestId, new Date().toISOString()] });
  } finally {
    end();
    // Until the next page is here, a second click on this one would do it a second time.
    setTimeout(() => settle(form), leaves ? LEAVING_MS : 0);
  }
}

/** The form as the browser would send it. */
function asked(form, submitter) {
  const data = new FormData(form, submitter);
  const headers = { accept: "text/html", "x-form": "1" };
  if (form.enctype === "multipart/form-data") return { method: "POST", body: data, headers };
  const body = new URLSearchParams(data);
  return { method: "POST", body, headers, keepalive: body.toString().length < KEPT_ALIVE_BYTES };
}

/** A file is the browser's to fetch; an answer that is none says what is wrong, or leads there. */
async function fetchFile(form, submitter, address) {
  const answer = await beginsFile(address, { ...asked(form, submitter), keepalive: false });
  if (answer) {
    await arrive(answer);
    return;
  }
  const name = make("input", { type: "hidden", name: submitter.name, value: submitter.value });
  form.append(name);
  aside((frame) => {
    form.target = frame.name;
    form.submit();
  }, (error) => say(form, { sentence: why(error), again: () => submit(form, submitter), details: [why(error), address, new Date().toISOString()] }));
  form.removeAttribute("target");
  name.remove();
}

/** Go where the answer leads, or show the page that it is; tells whether this page is left. */
async function arrive(answer) {
  if ((answer.headers.get("content-type") ?? "").startsWith("application/json")) {
    const { location: target, ...refusal } = await answer.json();
    if (!target) throw new Refusal(refusal);
    go(new URL(target, location.href));
  } else if (answer.redirected) go(new URL(answer.url));
  else {
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    return false;
  }
  return true;
}

function go(target) {
  const isHere = target.pathname === location.pathname && target.search === location.search;
  if (!isHere) location.assign(target);
  else if (!target.hash) location.replace(target);
  else {
    history.replaceState(history.state, "", target);
    location.reload();
  }
}

function show(fresh) {
  document.title = fresh.title;
  for (const place of [".crumbs", "#main"]) {
    const [old, replacement] = [document.querySelector(place), fresh.querySelector(place)];
    if (old && replacement) patch(old, replacement);
  }
  document.dispatchEvent(new CustomEvent("penstock:patched"));
  const first = document.querySelector("#main [role=alert]") ?? document.getElementById("main");
  first.scrollIntoView({ block: "nearest" });
}

function told(error) {
  if (error instanceof Refusal) return { sentence: error.message };
  if (error.status) return { sentence: error.message, rest: text("still here") };
  return { sentence: why(error), rest: `${text("still here")} ${text("maybe done")}` };
}
