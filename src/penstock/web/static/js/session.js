// What an open page says when the server asks it for a key again: the session ended, the key was revoked, the account was disabled.

import { make, text } from "./dom.js";

let note = null;

/** Whether an answer takes the reader for a stranger; the page says so then, until it is answered again. */
export function isStranger({ status }) {
  if (status === 401) tell();
  else if (note && status < 400) forget();
  return status === 401;
}

function tell() {
  if (note) return;
  const back = encodeURIComponent(location.pathname + location.search + location.hash);
  note = make("div", { class: "notice form-note is-error", id: "signed-out", role: "alert", "data-keep": true },
    make("p", { class: "wrap" }, text("signed out")), make("a", { class: "button small", href: `/signin?next=${back}` }, text("sign in")));
  document.querySelector("[data-notice]")?.remove();
  document.body.append(note);
  document.dispatchEvent(new CustomEvent("penstock:session", { detail: false }));
}

function forget() {
  note.remove();
  note = null;
  document.dispatchEvent(new CustomEvent("penstock:session", { detail: true }));
}
