// The dialog of a line drawing that takes ranges of x and y as numbers: it zooms, and chooses the runs whose lines pass, as dragging does.
// It comes when it is asked for.

import { make } from "./dom.js";
import { say } from "./words.js";

const SIDES = [["x", 0, "x from"], ["x", 1, "x to"], ["y", 0, "y from"], ["y", 1, "y to"]];

/** How ends of a range are asked for: numbers, or moments in the reader's zone; `unit` stands behind the label. */
const NUMBERS = { type: "number", unit: "", tell: (value) => String(Number(value.toPrecision(7))), read: Number };
const SECONDS = { ...NUMBERS, unit: " (s)" };
const momentsBy = ({ fieldTime, momentOf, zone }) => ({ type: "datetime-local", unit: ` (${zone})`, tell: (value) => fieldTime(Math.round(value * 1000)), read: (text) => momentOf(text) / 1000 });

/** Ask for ranges, beginning with those that are shown; `clock`: how the page tells times. */
export function askRange(panel, shown, clock) {
  const problem = make("p", { class: "problem small", role: "alert" });
  const kinds = { x: { _timestamp: momentsBy(clock), _runtime: SECONDS }[panel.settings().x] ?? NUMBERS, y: NUMBERS };
  const fields = SIDES.map(([axis, side, label]) => {
    const id = `range-${axis}${side}`;
    const { type, unit, tell } = kinds[axis];
    return make("div", { class: "field" }, make("label", { for: id }, say(label) + unit), make("input", { type, step: type === "number" ? "any" : "0.001", id, name: `${axis}${side}`, value: tell(shown[axis][side]), required: true, autocomplete: "off" }));
  });
  const button = (name, label, classes = "") => make("button", { class: `button ${classes}`, value: name, type: "submit" }, label);
  const form = make("form", { method: "dialog", class: "panel-form" }, make("h2", {}, panel.name), make("div", { class: "range-fields" }, ...fields), problem,
    make("footer", {}, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("cancel")),
      make("button", { class: "button", type: "button", onclick: () => {
        dialog.close();
        panel.zoom(null);
      } }, say("reset zoom")), panel.canBrush() ? button("brush", say("choose runs")) : "", button("zoom", say("zoom here"), "primary")));
  const dialog = make("dialog", { class: "panel-dialog", "aria-label": say("range") }, form);
  const begun = Object.fromEntries(new FormData(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const data = new FormData(form);
    // An axis that was left as it is stays free: it is not held at the numbers that are shown.
    const isSame = (name) => data.get(name) === begun[name];
    const given = (axis) => [0, 1].map((side) => kinds[axis].read(data.get(`${axis}${side}`)));
    const wanted = Object.fromEntries(["x", "y"].map((axis) => [axis, isSame(`${axis}0`) && isSame(`${axis}1`) ? null : given(axis)]));
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
