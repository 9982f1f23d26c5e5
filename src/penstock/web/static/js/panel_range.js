// The dialog of a line drawing that takes ranges of x and y as numbers: it zooms, and chooses the runs whose lines pass, as dragging does.

import { make } from "./dom.js";
import { say } from "./words.js";

const SIDES = [["x", 0, "x from"], ["x", 1, "x to"], ["y", 0, "y from"], ["y", 1, "y to"]];

/** Ask for ranges, beginning with those that are shown. */
export function askRange(panel, shown) {
  const problem = make("p", { class: "problem small", role: "alert" });
  const fields = SIDES.map(([axis, side, label]) => {
    const id = `range-${axis}${side}`;
    const value = Number(shown[axis][side].toPrecision(7));
    return make("div", { class: "field" }, make("label", { for: id }, say(label)), make("input", { type: "number", step: "any", id, name: `${axis}${side}`, value: String(value), required: true, autocomplete: "off" }));
  });
  const button = (name, label, classes = "") => make("button", { class: `button ${classes}`, value: name, type: "submit" }, label);
  const form = make("form", { method: "dialog", class: "panel-form" }, make("h2", {}, panel.name), make("div", { class: "range-fields" }, ...fields), problem,
    make("footer", {}, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("cancel")),
      make("button", { class: "button", type: "button", onclick: () => {
        dialog.close();
        panel.zoom(null);
      } }, say("reset zoom")), panel.canBrush() ? button("brush", say("choose runs")) : "", button("zoom", say("zoom here"), "primary")));
  const dialog = make("dialog", { class: "panel-dialog", "aria-label": say("range") }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const data = new FormData(form);
    // An axis that was left as it is stays free: it is not held at the numbers that are shown.
    const given = (axis) => [0, 1].map((side) => Number(data.get(`${axis}${side}`)));
    const isSame = (axis, range) => range.every((value, side) => value === Number(shown[axis][side].toPrecision(7)));
    const wanted = Object.fromEntries(["x", "y"].map((axis) => [axis, isSame(axis, given(axis)) ? null : given(axis)]));
    if (Object.values(wanted).some((range) => range && !(range[1] > range[0]))) {
      problem.textContent = say("from below to");
      return;
    }
    dialog.close();
    if (event.submitter?.value === "brush") panel.brush(wanted);
    else if (wanted.x || wanted.y) panel.zoom(wanted);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    (panel.choice?.isConnected ? panel.choice.querySelector("button:not([disabled])") : panel.element).focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector("input").select();
}
