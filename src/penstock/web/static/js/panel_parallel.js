// Parallel coordinates with brushes and movable axes, and the importance of parameters for a metric.

import { make, makeSvg } from "./dom.js";
import { Panel } from "./panel.js";
import { ValuesPanel, columnName } from "./panel_values.js";
import { scaleOf, sheet } from "./svg.js";
import { say, shortNumber } from "./words.js";

export class ParallelPanel extends ValuesPanel {
  columns() {
    return this.order ?? this.spec.columns ?? [];
  }

  draw(rows) {
    const columns = this.columns();
    const last = columns.at(-1);
    this.brushes ??= {};
    const held = rows.filter((row) => columns.every((column) => row.values[column] !== null && row.values[column] !== undefined));
    this.lines = held;
    if (columns.length < 2 || !held.length) {
      this.empty(columns.length < 2 ? say("two columns") : undefined);
      return;
    }
    const focus = this.body.querySelector(".axis-handle:focus")?.dataset.column;
    this.body.replaceChildren();
    const { root, box } = sheet(this.body, this.name, { left: 40, right: 56, top: 34, bottom: 14 });
    const scales = new Map(columns.map((column) => [column, scaleOf(held.map((row) => row.values[column]), { isLog: isWide(held.map((row) => row.values[column])) })]));
    const gap = box.width / (columns.length - 1);
    const x = (column) => box.left + columns.indexOf(column) * gap;
    const y = (row, column) => box.top + box.height * (1 - (scales.get(column).share(row.values[column]) ?? 0));
    const kept = held.filter((row) => this.isKept(row, scales));
    const heat = (row) => Math.round((scales.get(last).share(row.values[last]) ?? 0) * 9);
    for (const row of held) {
      const isKept = kept.includes(row);
      const line = makeSvg("path", { class: `parallel-line heat-stop-${heat(row)}${isKept ? "" : " is-out"}${row.isBaseline ? " is-baseline" : ""}`, d: `M${columns.map((column) => `${x(column).toFixed(1)} ${y(row, column).toFixed(1)}`).join("L")}` }, makeSvg("title", {}, `${row.label}: ${columns.map((column) => `${columnName(column)} ${row.values[column]}`).join(", ")}`));
      root.append(row.url ? makeSvg("a", { href: row.url, tabindex: "-1" }, line) : line);
    }
    for (const column of columns) root.append(this.axis(column, x(column), box, scales.get(column)));
    this.body.append(root);
    if (focus) this.body.querySelector(`.axis-handle[data-column="${CSS.escape(focus)}"]`)?.focus();
    const isCut = Object.keys(this.brushes).length > 0;
    this.legend.replaceChildren(...(isCut ? [make("button", { class: "button small", type: "button", onclick: () => this.board.only(kept.map((row) => row.id)) }, say("only these", { count: kept.length })), make("button", { class: "button small", type: "button", onclick: () => {
      this.brushes = {};
      this.redraw();
    } }, say("clear brushes"))] : []));
    this.tell(kept.length, [`${say("colour")}: ${columnName(last)}`]);
  }

  isKept(row, scales) {
    return Object.entries(this.brushes).every(([column, [low, high]]) => {
      const share = scales.get(column)?.share(row.values[column]);
      return share === undefined || (share !== null && share >= low && share <= high);
    });
  }

  /** An axis: drag along it to brush, drag its name sideways to move it; with keys, arrows do both (see the label). */
  axis(column, at, box, scale) {
    const bottom = box.top + box.height;
    const name = columnName(column);
    const parts = [
      makeSvg("line", { class: "axis-line", x1: at, x2: at, y1: box.top, y2: bottom }),
      ...scale.marks.map(([share, word]) => makeSvg("text", { class: "tick", x: at + 5, y: bottom - share * box.height + 3.5 }, word)),
    ];
    const brush = this.brushes[column];
    if (brush) parts.push(makeSvg("rect", { class: "brush", x: at - 6, width: 12, y: bottom - brush[1] * box.height, height: (brush[1] - brush[0]) * box.height }));
    const strip = makeSvg("rect", { class: "axis-strip", x: at - 9, width: 18, y: box.top, height: box.height });
    this.dragBrush(strip, column, box);
    const label = makeSvg("text", { class: "axis-name axis-handle", x: at, y: box.top - 14, "text-anchor": "middle", tabindex: "0", role: "button", "data-column": column, "aria-label": `${name}. ${say("axis keys")}` }, name.length > 16 ? `…${name.slice(-15)}` : name);
    label.addEventListener("keydown", (event) => this.axisKeys(event, column));
    this.dragAxis(label, column, box);
    return makeSvg("g", {}, ...parts, strip, label);
  }

  axisKeys(event, column) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    if (by) this.moveAxis(column, this.columns().indexOf(column) + by);
    else if (up) {
      const [low, high] = this.brushes[column] ?? [0, 1];
      const next = event.shiftKey ? [low, Math.max(low, Math.min(1, high + up))] : [Math.min(high, Math.max(0, low + up)), high];
      this.brushes[column] = next;
      if (next[0] <= 0 && next[1] >= 1) delete this.brushes[column];
      this.redraw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveAxis(column, to) {
    const order = this.columns().filter((other) => other !== column);
    order.splice(Math.max(0, Math.min(order.length, to)), 0, column);
    this.order = order;
    if (this.board.document) this.board.document.edit(this.spec.id, { columns: order });
    this.redraw();
  }

  dragBrush(strip, column, box) {
    const share = (event) => Math.max(0, Math.min(1, (box.top + box.height - (event.clientY - strip.ownerSVGElement.getBoundingClientRect().top)) / box.height));
    strip.addEventListener("pointerdown", (event) => {
      const from = share(event);
      strip.setPointerCapture(event.pointerId);
      strip.addEventListener("pointerup", (up) => {
        const to = share(up);
        if (Math.abs(to - from) < 0.02) delete this.brushes[column];
        else this.brushes[column] = [Math.min(from, to), Math.max(from, to)];
        this.redraw();
      }, { once: true });
    });
  }

  dragAxis(label, column, box) {
    label.addEventListener("pointerdown", (event) => {
      label.setPointerCapture(event.pointerId);
      label.addEventListener("pointerup", (up) => {
        const left = up.clientX - label.ownerSVGElement.getBoundingClientRect().left;
        const to = Math.round(((left - box.left) / box.width) * (this.columns().length - 1));
        if (to !== this.columns().indexOf(column)) this.moveAxis(column, to);
      }, { once: true });
    });
  }

  rows() {
    const columns = this.columns();
    return { head: [say("Run"), ...columns.map(columnName)], rows: (this.lines ?? []).map((row) => [row.url ? make("a", { class: "quiet", href: row.url }, row.label) : row.label, ...columns.map((column) => shortNumber(row.values[column]))]) };
  }
}

/** Whether positive numbers span so much that only powers tell them apart. */
function isWide(values) {
  const numbers = values.filter((value) => typeof value === "number" && value > 0);
  return numbers.length === values.length && numbers.length > 1 && Math.max(...numbers) / Math.min(...numbers) > 50;
}

export class ImportancePanel extends Panel {
  isTall() {
    return false;
  }

  async load() {
    await this.working(async (signal) => {
      const query = new URLSearchParams(this.board.source);
      query.set("metric", this.spec.metric);
      this.data = await this.board.ask(`/ui/tracking/importance?${query}`, { signal });
      this.redraw();
    });
  }

  redraw() {
    if (!this.data) return;
    const { parameters, runs, metric } = this.data;
    if (!parameters.length) {
      this.empty(say("too few runs"));
      return;
    }
    const line = ({ name, importance, correlation }) => make("tr", {}, make("th", { scope: "row", class: "mono cut" }, name),
      make("td", {}, meter(importance, say("importance"))), make("td", { class: "num" }, shortNumber(Math.round(importance * 1000) / 1000)),
      make("td", {}, correlation === null ? "" : meter(Math.abs(correlation), say("correlation"), correlation < 0)), make("td", { class: "num" }, correlation === null ? "–" : shortNumber(Math.round(correlation * 1000) / 1000)));
    const head = make("tr", {}, ...[say("parameter"), say("importance"), "", say("correlation"), ""].map((word) => make("th", { scope: word ? "col" : null }, word || make("span", { class: "hidden-text" }, say("value")))));
    this.body.replaceChildren(make("div", { class: "table-box comparer-box", tabindex: "0", role: "region", "aria-label": this.name }, make("table", { class: "table compact importance" }, make("thead", {}, head), make("tbody", {}, ...parameters.map(line)))));
    this.note.textContent = say("importance of", { metric: columnName(metric), runs });
  }
}

function meter(share, label, isNegative = false) {
  return makeSvg("svg", { class: `meter${isNegative ? " is-negative" : ""}`, viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": `${label} ${shortNumber(Math.round(share * 100) / 100)}` }, makeSvg("rect", { width: Math.max(0.5, share * 100), height: 8, rx: 1 }));
}
