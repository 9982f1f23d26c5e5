// Panels over one value per run (config, summary): bars, scatter, a single number, and the comparer of runs.

import { make, makeSvg } from "./dom.js";
import { lookClass, styleAt } from "./looks.js";
import { Panel } from "./panel.js";
import { joined, spreadOf } from "./series.js";
import { axes, scaleOf, sheet } from "./svg.js";
import { groupTitle, say, shortNumber } from "./words.js";

const MOST_BARS = 40;
const MOST_ROWS = 1000;
const BAR_ROOM = 16; // pixels of the thinnest bar

/** A column as people call it: `c.lr` is lr, `s.best` is best. */
export const columnName = (column) => column.replace(/^[cs]\./, "");

/** A mark in a drawing: round, or with the shape of its look (clipped in tracking.css). */
function dotAt([x, y], radius, isRound, looks, title) {
  if (isRound) return makeSvg("circle", { ...looks, cx: x, cy: y, r: radius }, title);
  const side = radius * 2.3;
  return makeSvg("rect", { ...looks, x: x - side / 2, y: y - side / 2, width: side, height: side }, title);
}

/** A link to a run, for the first cell of a table. */
const runCell = (row) => (row.url ? make("a", { class: "quiet", href: row.url }, row.label) : row.label);

/** What panels over the values of runs share: fetching, and which runs count. */
export class ValuesPanel extends Panel {
  isOfValues = true;

  columns() {
    return [];
  }

  async load() {
    await this.working(async (signal) => {
      const answer = await this.board.fetchValues(this.columns(), signal);
      this.total = answer.total;
      this.data = answer.rows;
      this.redraw();
    });
  }

  /** How many runs are drawn at most. */
  most() {
    return this.spec.limit ?? MOST_ROWS;
  }

  /** Rows of the first runs of the list, and of those that the reader asked for, with their colours; without those that are hidden. */
  picked() {
    return this.board.first(this.data, this.most()).filter((row) => !this.board.isHidden(row)).map((row) => ({ ...row, ...this.board.look(row) }));
  }

  redraw() {
    if (!this.data) return;
    const rows = this.picked();
    this.drawn = rows;
    if (!rows.length) {
      this.empty();
      return;
    }
    this.draw(rows);
    this.fillTable();
  }

  tell(shown, extra = []) {
    this.note.textContent = [say("drawn", { drawn: shown, all: this.total }), ...extra].join(" · ");
  }

  resize() {
    if (this.isDrawn) this.redraw();
  }
}

export class BarPanel extends ValuesPanel {
  metric() {
    return this.spec.metric ?? `s.${this.key}`;
  }

  columns() {
    return [this.metric()];
  }

  /** Of groups it is their bars that are counted. */
  most() {
    return this.board.isGrouped ? MOST_ROWS : this.mostBars();
  }

  mostBars() {
    return this.spec.limit ?? MOST_BARS;
  }

  /** Bars: one per run, or one per group with a whisker for its spread. */
  bars(rows) {
    const metric = this.metric();
    const held = rows.filter((row) => typeof row.values[metric] === "number");
    if (!this.board.isGrouped) return held.map((row) => ({ label: row.label, url: row.url, value: row.values[metric], color: row.color, isBaseline: row.isBaseline }));
    const groups = new Map();
    for (const row of held) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
    const { agg = "mean", band = "range" } = this.board.settings;
    return [...groups].map(([name, members]) => {
      const values = members.map((row) => row.values[metric]);
      const [low, high] = spreadOf(values, band);
      return { label: `${groupTitle(name)} (${members.length})`, value: joined(values, agg), low, high, color: this.board.groupColor(name) ?? members[0].color };
    });
  }

  draw(rows) {
    const all = this.bars(rows).sort((a, b) => b.value - a.value);
    this.shownBars = all;
    if (!all.length) {
      this.empty();
      return;
    }
    const bars = this.board.isGrouped ? all.slice(0, this.mostBars()) : all;
    this.body.replaceChildren();
    const least = bars.length * BAR_ROOM + 26;
    const isLong = least > (this.body.clientHeight || 200);
    const { root, box } = sheet(this.body, this.name, { left: Math.min(150, (this.body.clientWidth || 320) * 0.36), bottom: 20, right: 64, top: 6, least });
    this.letScroll(isLong);
    const scale = scaleOf(bars.flatMap((bar) => [bar.value, bar.low ?? bar.value, bar.high ?? bar.value]), { fromZero: true, isLog: this.spec.logX });
    axes(root, box, scale, null);
    const tall = Math.min(28, box.height / bars.length);
    const zero = box.left + Math.max(0, scale.share(0) ?? 0) * box.width;
    bars.forEach((bar, at) => root.append(this.bar(bar, box, scale, zero, box.top + at * tall, tall)));
    this.body.append(root);
    this.legend.replaceChildren();
    this.tell(this.board.isGrouped ? rows.length : bars.length, [...(bars.length < all.length ? [say("bars", { shown: bars.length, all: all.length })] : []), columnName(this.metric())]);
  }

  /** Bars for which the panel is not tall enough are scrolled to, by keyboard as well. */
  letScroll(isLong) {
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", this.name]]) {
      if (isLong) this.body.setAttribute(name, value);
      else this.body.removeAttribute(name);
    }
  }

  bar(bar, box, scale, zero, top, tall) {
    const end = box.left + (scale.share(bar.value) ?? 0) * box.width;
    const middle = top + tall / 2;
    const height = Math.max(2, tall - 3);
    const isPlain = styleAt(bar.color) === 0;
    const parts = [
      makeSvg("rect", { class: `fill ${lookClass(bar.color)}${isPlain ? "" : " is-dashed"}`, x: Math.min(zero, end), y: top + 1.5, width: Math.max(1, Math.abs(end - zero)), height, rx: 2 }),
      ...(isPlain ? [] : [makeSvg("line", { class: `bar-dashes ${lookClass(bar.color)}`, x1: zero, x2: end, y1: top + 1.5 + height / 2, y2: top + 1.5 + height / 2, "stroke-width": height })]),
      makeSvg("text", { class: `tick bar-name${bar.isBaseline ? " is-baseline" : ""}`, x: box.left - 6, y: middle + 3.5, "text-anchor": "end" }, bar.label.length > 22 ? `${bar.label.slice(0, 21)}…` : bar.label),
      makeSvg("text", { class: "tick", x: Math.max(end, zero, bar.high ? box.left + (scale.share(bar.high) ?? 0) * box.width : 0) + 4, y: middle + 3.5 }, shortNumber(bar.value)),
      makeSvg("title", {}, `${bar.label}: ${bar.value}`),
    ];
    if (bar.low !== undefined && bar.low !== null) parts.push(makeSvg("line", { class: "whisker", x1: box.left + scale.share(bar.low) * box.width, x2: box.left + scale.share(bar.high) * box.width, y1: middle, y2: middle }));
    return bar.url ? makeSvg("a", { href: bar.url, tabindex: "-1" }, ...parts) : makeSvg("g", {}, ...parts);
  }

  rows() {
    return { head: [this.board.isGrouped ? say("group") : say("Run"), columnName(this.metric())], rows: (this.shownBars ?? []).map((bar) => [runCell(bar), shortNumber(bar.value)]) };
  }
}

export class ScatterPanel extends ValuesPanel {
  columns() {
    return [this.spec.xColumn, this.spec.yColumn, this.spec.zColumn].filter(Boolean);
  }

  draw(rows) {
    const { xColumn, yColumn, zColumn } = this.spec;
    const held = rows.filter((row) => [xColumn, yColumn].every((column) => row.values[column] !== null && row.values[column] !== undefined && !["NaN", "Infinity", "-Infinity"].includes(row.values[column])));
    this.points = held;
    if (!held.length) {
      this.empty();
      return;
    }
    this.body.replaceChildren();
    const { root, box } = sheet(this.body, this.name);
    const x = scaleOf(held.map((row) => row.values[xColumn]), { isLog: this.spec.logX });
    const y = scaleOf(held.map((row) => row.values[yColumn]), { isLog: this.spec.logY });
    const z = zColumn ? scaleOf(held.map((row) => row.values[zColumn])) : null;
    axes(root, box, x, y, columnName(xColumn), columnName(yColumn));
    for (const row of held) {
      row.at = [box.left + x.share(row.values[xColumn]) * box.width, box.top + box.height - y.share(row.values[yColumn]) * box.height];
      const heat = z ? `heat-stop-${Math.round((z.share(row.values[zColumn]) ?? 0) * 9)}` : lookClass(row.color);
      const dot = dotAt(row.at, row.isBaseline ? 6.5 : 4.5, z || styleAt(row.color) === 0, { class: `dot ${z ? heat : `fill ${heat}`}` }, makeSvg("title", {}, `${row.label}: ${this.columns().map((column) => `${columnName(column)} ${row.values[column] ?? "–"}`).join(", ")}`));
      root.append(row.url ? makeSvg("a", { href: row.url, tabindex: "-1" }, dot) : dot);
    }
    this.brush(root, held);
    this.body.append(root);
    this.legend.replaceChildren();
    this.tell(held.length, z ? [`${say("colour")}: ${columnName(zColumn)}`] : []);
  }

  /** Drag a rectangle to keep only the runs inside it. */
  brush(root, held) {
    let from = null;
    const box = makeSvg("rect", { class: "brush", x: 0, y: 0, width: 0, height: 0 });
    const place = (event) => {
      const frame = root.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    root.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("a")) return;
      from = place(event);
      root.append(box);
      root.setPointerCapture(event.pointerId);
    });
    root.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = place(event);
      for (const [name, value] of Object.entries({ x: Math.min(from[0], to[0]), y: Math.min(from[1], to[1]), width: Math.abs(to[0] - from[0]), height: Math.abs(to[1] - from[1]) })) box.setAttribute(name, value);
    });
    root.addEventListener("pointerup", (event) => {
      if (!from) return;
      const to = place(event);
      const inside = held.filter(({ at }) => at[0] >= Math.min(from[0], to[0]) && at[0] <= Math.max(from[0], to[0]) && at[1] >= Math.min(from[1], to[1]) && at[1] <= Math.max(from[1], to[1]));
      from = null;
      box.remove();
      if (inside.length) this.board.only(inside.map((row) => row.id));
    });
  }

  rows() {
    const columns = this.columns();
    return { head: [say("Run"), ...columns.map(columnName)], rows: (this.points ?? []).map((row) => [runCell(row), ...columns.map((column) => shortNumber(row.values[column]))]) };
  }
}

export class ScalarPanel extends ValuesPanel {
  columns() {
    return [this.spec.metric];
  }

  isTall() {
    return false;
  }

  draw(rows) {
    const values = rows.map((row) => row.values[this.spec.metric]).filter((value) => typeof value === "number");
    if (!values.length) {
      this.empty();
      return;
    }
    const how = this.spec.agg ?? (values.length === 1 ? "last" : "mean");
    const value = how === "last" ? values[0] : joined(values, how);
    this.body.replaceChildren(make("p", { class: "big-number num", title: String(value) }, shortNumber(value)));
    this.tell(values.length, [values.length > 1 ? `${say(how)} · ${columnName(this.spec.metric)}` : columnName(this.spec.metric)]);
  }
}

/** A value of a run in a cell: of media and tables what they are, not how they are stored. */
function told(value) {
  if (value === undefined || value === null) return "–";
  if (typeof value === "number") return shortNumber(value);
  return typeof value === "string" ? value.slice(0, 120) : typeof value._type === "string" ? value._type : JSON.stringify(value).slice(0, 120);
}

export class ComparerPanel extends ValuesPanel {
  isTall() {
    return false;
  }

  async load() {
    await this.working(async (signal) => {
      const answer = await this.board.fetchAllValues(signal);
      this.total = answer.rows.length;
      this.data = answer.rows;
      this.redraw();
    });
  }

  draw(found) {
    const rows = [...found].sort((a, b) => Number(Boolean(b.isBaseline)) - Number(Boolean(a.isBaseline))).slice(0, 12);
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
    const isSame = (key) => new Set(rows.map((row) => JSON.stringify(row.values[key]))).size < 2;
    const kept = this.showsAll || rows.length < 2 ? keys : keys.filter((key) => !isSame(key));
    const base = rows[0];
    const cell = (row, key) => {
      const value = row.values[key];
      const other = base.values[key];
      const delta = row !== base && typeof value === "number" && typeof other === "number" && value !== other ? make("span", { class: "delta" }, ` ${value > other ? "+" : ""}${shortNumber(value - other)}`) : "";
      return make("td", { class: "mono" }, told(value), delta);
    };
    const head = make("tr", {}, make("th", { scope: "col" }, ""), ...rows.map((row) => make("th", { scope: "col" }, make("span", { class: `run-swatch ${lookClass(row.color)}` }), " ", runCell(row))));
    const lines = kept.slice(0, 400).map((key) => make("tr", { class: isSame(key) ? "" : "is-different" }, make("th", { scope: "row", class: "mono" }, key.startsWith("c.") ? make("span", { class: "faint" }, "config.") : "", columnName(key)), ...rows.map((row) => cell(row, key))));
    const toggle = make("label", { class: "check small" }, make("input", { type: "checkbox", onchange: (event) => {
      this.showsAll = !event.target.checked;
      this.redraw();
    } }), say("only differences"));
    toggle.firstChild.checked = !this.showsAll;
    this.body.replaceChildren(toggle, make("div", { class: "table-box comparer-box", tabindex: "0", role: "region", "aria-label": this.name }, make("table", { class: "table compact first-sticky" }, make("thead", {}, head), make("tbody", {}, ...lines))));
    this.tell(rows.length, [kept.length > 400 ? `400 / ${kept.length}` : ""].filter(Boolean));
  }
}
