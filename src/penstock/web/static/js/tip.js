// The box of values beside a crosshair: sorted, with differences from the baseline; it can be pinned and copied.

import { icon, make } from "./dom.js";
import { lookClass } from "./looks.js";
import { say, shortNumber } from "./words.js";

const MOST = 12;

/** One box; it belongs to one drawing. */
export class Tip {
  constructor(sprite) {
    this.sprite = sprite;
    this.isPinned = false;
    this.element = make("div", { class: "chart-tip" });
  }

  /** Show `rows` ({one, value}) at `left` pixels of `over`. `base` is the value that others are compared with. */
  show(over, left, title, rows, base) {
    this.title = title;
    this.rows = rows;
    this.element.replaceChildren(make("div", { class: "faint small num" }, title), ...rows.slice(0, MOST).map((row) => this.row(row, base)));
    if (rows.length > MOST) this.element.append(make("div", { class: "faint small" }, `+${rows.length - MOST}`));
    if (!this.element.isConnected) over.append(this.element);
    const isRight = left > over.clientWidth / 2;
    this.element.style.left = isRight ? "" : `${left + 14}px`;
    this.element.style.right = isRight ? `${over.clientWidth - left + 14}px` : "";
  }

  row({ one, value }, base) {
    const swatch = make("span", { class: `legend-swatch ${lookClass(one.color)}` });
    const mark = value.mark ? ` ${value.mark}` : "";
    const raw = value.raw !== undefined && value.raw !== value.y ? ` (${shortNumber(value.raw)})` : "";
    const band = value.low !== undefined && value.low !== value.high ? ` ${shortNumber(value.low)} – ${shortNumber(value.high)}` : "";
    const away = base === null || one.isBaseline || value.y === null ? "" : ` ${value.y >= base ? "+" : ""}${shortNumber(value.y - base)}`;
    return make("div", { class: "tip-row" }, swatch, make("span", { class: "cut" }, one.name), make("span", { class: "num" }, shortNumber(value.y) + raw + mark), away ? make("span", { class: "num delta" }, away) : "", band ? make("span", { class: "num faint" }, band) : "");
  }

  /** Stay until closed; all values are there, not only the first. */
  pin() {
    this.isPinned = true;
    this.element.classList.add("is-pinned");
    const lines = [this.title, ...this.rows.map(({ one, value }) => `${one.name}\t${value.y ?? value.mark ?? ""}`)].join("\n");
    const copy = make("button", { class: "button small", type: "button", "data-copy": lines }, icon(this.sprite, "copy"), say("copy"));
    const close = make("button", { class: "button small square", type: "button", "aria-label": say("close"), onclick: () => this.hide(true) }, icon(this.sprite, "x"));
    this.element.append(make("div", { class: "row tight" }, copy, close));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.hide(true);
    });
  }

  /** Take the box away; a pinned one only with `force`. */
  hide(force = false) {
    if (this.isPinned && !force) return;
    this.isPinned = false;
    this.element.classList.remove("is-pinned");
    this.element.remove();
  }
}
