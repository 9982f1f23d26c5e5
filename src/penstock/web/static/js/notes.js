// What is said of a form that was sent or a file that was asked for: that it takes long, what went wrong, and the way to try again.

import { make, text } from "./dom.js";

/** Say at the foot of the page what became of what was asked for by a form or a link; of one in a dialog there. */
export function say(form, { sentence, rest = "", again = null, details = null }) {
  settled(form);
  const note = make("div", { class: `form-note${details ? " is-error" : ""}`, role: details ? "alert" : "status", "data-keep": true },
    make("div", { class: "wrap" }, make("p", {}, sentence), rest && make("p", { class: "small" }, rest)),
    again && make("button", { class: "button small", type: "button", onclick: again }, text("retry")),
    again && make("button", { class: "button small ghost", type: "button", "data-copy": details.filter(Boolean).join("\n") }, text("copy details")),
    make("button", { class: "button small ghost", type: "button", onclick: () => settled(form) }, text("close")));
  const dialog = form.closest("dialog[open]");
  if (dialog) {
    const place = form.matches("form") ? form : dialog;
    (place.querySelector(":scope > footer") ?? place.lastElementChild).before(note);
  } else {
    note.classList.add("notice");
    document.querySelector("[data-notice]")?.remove();
    document.body.append(note);
  }
  form.note = note;
  if (dialog) note.scrollIntoView({ block: "nearest" });
}

/** Take back what was said. */
export function settled(form) {
  form.note?.remove();
  form.note = null;
}
