// Line panels: one or several keys, keys by pattern, or an expression, over the visible runs.

import { fieldTime, momentOf, zone } from "./clocks.js";
import { make, notify } from "./dom.js";
import { expression } from "./expressions.js";
import { isLaneWanted, lane } from "./lanes.js";
import { apart, lookClass, restyled, styleAt } from "./looks.js";
import { Panel } from "./panel.js";
import { canDraw, Plot } from "./plot.js";
import { combined, grouped } from "./series.js";
import { why } from "./waiting.js";
import { groupTitle, say, shortNumber } from "./words.js";

const MOST_KEYS = 16; // at first, and as many more each time the reader asks
const MOST_NAMES = 8;
const MOST_COMPARED = 20;
const LEVEL_STYLE = 2; // of lines that are one number
const rangeDialog = () => import(new URL("./panel_range.js", import.meta.url).href);
const OWN = ["x", "smooth", "smoother", "logY", "logX", "clip", "agg", "band", "yMin", "yMax"];

export class LinePanel extends Panel {
  /** The board's settings with those of the panel over them. */
  settings() {
    const own = Object.fromEntries(OWN.filter((name) => this.spec[name] !== undefined).map((name) => [name, this.spec[name]]));
    const isPlain = own.x === undefined && this.board.settings.x === "_step" && this.spec.stepMetric;
    return { ...this.board.settings, ...own, ...(isPlain ? { x: this.spec.stepMetric } : {}) };
  }

  /** Keys that are asked for: [{keys, evaluate?}]; of many the first ones, until the reader wants more. */
  wanted() {
    const { spec } = this;
    this.left = 0;
    if (spec.expr) return [{ ...expression(spec.expr), name: spec.title || spec.expr }];
    const keys = spec.match ? this.board.lineKeys().filter((key) => new RegExp(spec.match).test(key)) : spec.keys ?? [spec.key];
    const kept = this.board.stream === "events" ? keys.filter((key) => isLaneWanted(key, this.board.settings.lanes)) : keys;
    this.most ??= MOST_KEYS;
    this.left = Math.max(0, kept.length - this.most);
    return kept.slice(0, this.most).map((key) => ({ keys: [key] }));
  }

  /** Whether x is zoomed together with the other panels. */
  isTogether() {
    return this.board.settings.sync && this.settings().x === this.board.settings.x;
  }

  range() {
    return this.isTogether() ? this.board.range : this.board.zooms.get(this.spec.id)?.x ?? null;
  }

  yRange() {
    return this.board.zooms.get(this.spec.id)?.y ?? null;
  }

  async load() {
    await this.working(async (signal) => {
      const wanted = this.wanted();
      const { x } = this.settings();
      const width = this.body.clientWidth || 480;
      const answers = new Map();
      const told = [...(this.spec.legend ?? "").matchAll(/\$\{(config|summary):([^}]+)\}/g)].map(([, kind, name]) => `${kind[0]}.${name}`);
      if (told.length) this.told = new Map((await this.board.fetchValues(told, signal)).rows.map((row) => [row.id, row.values]));
      await Promise.all([canDraw, ...[...new Set(wanted.flatMap((one) => one.keys))].map(async (key) => {
        answers.set(key, (await this.board.ask(this.board.seriesAddress(key, width, x, this.range()), { signal })).series);
      })]);
      this.data = wanted.map((one) => ({ ...one, series: one.evaluate ? this.computed(one, answers) : answers.get(one.keys[0]) }));
      this.draw();
    });
  }

  computed(one, answers) {
    return this.board.visible().map((run) => ({ run: run.id, parts: one.keys.map((key) => answers.get(key).find((part) => part.run === run.id)) }))
      .filter(({ parts }) => parts.every(Boolean))
      .map(({ run, parts }) => ({ run, ...combined(parts, one.evaluate) }));
  }

  /** Series with names and colours; runs of a group become one line with a band. */
  arranged() {
    const settings = this.settings();
    const { keys } = this.spec;
    const isMany = (keys ?? this.data).length > 1;
    const isAlone = isMany && this.board.visible().length === 1;
    const allowed = this.spec.limit && !this.board.isGrouped ? new Set(this.board.first(this.board.visible(), this.spec.limit).map((run) => run.id)) : null;
    const found = [];
    this.data.forEach((one, at) => {
      const key = one.name ?? one.keys[0];
      const place = keys ? keys.indexOf(key) : at; // a lane keeps its look while others are left out
      const look = (color) => (isMany ? restyled(color, styleAt(color) + place) : color); // keys of a run share its colour
      const groups = new Map();
      for (const series of one.series) {
        const run = this.board.runById(series.run);
        if (!run || run.isHidden || !series.x.length || (allowed && !allowed.has(run.id))) continue;
        const isFaint = run.isFaint || (this.brushed !== undefined && !this.brushed.has(run.id));
        if (run.group !== undefined) {
          if (!groups.has(run.group)) groups.set(run.group, { name: groupTitle(run.group), color: run.groupColor, series: [], runs: [], isFaint: true });
          const group = groups.get(run.group);
          group.series.push(series);
          group.runs.push(run.id);
          group.isFaint &&= isFaint;
        } else found.push({ ...series, name: this.label(run, key, isMany), color: isAlone ? place + 1 : look(run.color), runs: [run.id], url: run.url, isBaseline: run.isBaseline, isFaint });
      }
      for (const group of groups.values()) found.push({ ...grouped(group.series, settings.agg, settings.band), name: `${group.name} (${group.series.length})${isMany ? ` ${key}` : ""}`, color: look(group.color), runs: group.runs, isGroup: true, isFaint: group.isFaint });
    });
    return apart(found);
  }

  /** Name of a line: the panel's template (`${run} ${config:lr}`), or run and, of several keys, the key. */
  label(run, key, isMany) {
    if (this.board.stream === "events" && isMany) return lane(key);
    if (!this.spec.legend) return isMany ? (this.board.visible().length > 1 ? `${run.name} ${key}` : key) : run.name;
    return this.spec.legend.replace(/\$\{([^}]+)\}/g, (_, name) => {
      if (name === "run" || name === "run:displayName") return run.name;
      if (name === "id" || name === "run:name") return run.runName ?? run.id;
      if (name === "key" || name === "metric" || name === "y") return key;
      if (name === "group" || name === "run:group") return run.group === undefined ? "" : groupTitle(run.group);
      return String(this.told?.get(run.id)?.[name.replace(/^(c|s)\w+:/, "$1.")] ?? "");
    });
  }

  /** Numbers of the same name that runs without series ended with, as level lines over all of x. */
  levels(drawn) {
    const key = this.data.length === 1 ? this.data[0].name ?? this.data[0].keys[0] : null;
    const ends = drawn.flatMap((one) => [one.x[0], one.x.at(-1)]);
    const from = Math.min(...ends);
    const to = Math.max(...ends);
    if (key === null || !ends.length) return [];
    const x = from < to ? [from, to] : [from];
    return this.board.finals.filter((one) => Object.hasOwn(one.values, key)).map((one) => ({ name: say("at the end", { name: one.name }), color: restyled(one.color, LEVEL_STYLE), url: one.url, x, y: x.map(() => one.values[key]), marks: [], runs: [] }));
  }

  draw() {
    const settings = this.settings();
    const series = this.arranged().filter((one) => one.y.some((value) => value !== null) || one.marks?.length);
    const drawn = apart([...series, ...this.levels(series)]);
    this.series = drawn;
    if (!drawn.length) {
      this.empty();
      return;
    }
    if (!this.plot) {
      this.body.replaceChildren();
      this.plot = new Plot(this.body, {
        onZoom: (wanted) => this.zoom(wanted), onPick: (one, event) => this.pick(one, event), onBrush: (wanted) => this.brush(wanted),
        isBrush: (event) => this.canBrush() && (event.shiftKey || this.board.isBrushing), syncKey: `board ${settings.x}`, sprite: this.board.sprite,
      });
    }
    this.plot.axis = settings.x;
    this.plot.draw(drawn, settings, this.range(), this.yRange());
    this.note.replaceChildren(this.resolution(drawn, settings), this.left ? make("button", { class: "button small", type: "button", onclick: () => this.drawMore() }, say("more lines", { count: Math.min(this.left, MOST_KEYS) })) : "");
    const last = drawn.map((one) => `${one.name}: ${shortNumber(one.y.findLast((value) => value !== null))}`).slice(0, 5).join(", ");
    this.element.setAttribute("aria-label", `${this.name}. ${last}`);
    this.drawLegend(drawn);
    this.fillTable();
  }

  /** What is not shown: rows per drawn point, keys beyond the most, values outside the scale. */
  resolution(drawn, settings) {
    const parts = this.data.flatMap((one) => one.series);
    const runs = new Set(drawn.flatMap((one) => one.runs)).size;
    const few = this.board.visible().length < this.board.count || this.spec.limit ? [say("drawn", { drawn: runs, all: this.board.count })] : [];
    const most = this.left ? [say("keys left", { shown: this.most, all: this.most + this.left })] : [];
    const rows = Math.max(...parts.map((one) => one.rows));
    const points = Math.max(...parts.map((one) => one.points ?? one.x.length));
    const notes = [...few, ...most, rows > points ? say("buckets", { per: Math.ceil(rows / points).toLocaleString() }) : say(rows === 1 ? "full one" : "full", { rows: rows.toLocaleString() })];
    if (this.spec.expr && rows > points) notes.push(say("last of bucket"));
    if (drawn.some((one) => one.marks?.length)) notes.push(say("marked"));
    if (settings.clip) notes.push(say("clipped"));
    return notes.join(" · ");
  }

  pick(one, event) {
    if (event.altKey) {
      if (one.runs.length) this.board.only(one.runs);
    }
    else if (one.url) {
      if (event.ctrlKey || event.metaKey) window.open(one.url, "_blank", "noopener");
      else location.href = one.url;
    }
  }

  /** Draw some of the keys that were left out, too. */
  drawMore() {
    this.most += MOST_KEYS;
    this.load();
  }

  drawLegend(drawn) {
    this.legend.replaceChildren();
    if (drawn.length < 2) return;
    for (const one of drawn.slice(0, this.isLong ? drawn.length : MOST_NAMES)) {
      const line = one.url ? make("a", { class: "quiet cut", href: one.url, title: one.name }, one.name) : make("span", { class: "cut", title: one.name }, one.name);
      this.legend.append(make("span", { class: "legend-entry" }, make("span", { class: `legend-swatch ${lookClass(one.color)}` }), line));
    }
    const sign = this.isLong ? "−" : `+${drawn.length - MOST_NAMES}`;
    if (drawn.length > MOST_NAMES) this.legend.append(make("button", { class: "plain-button faint", type: "button", "aria-expanded": String(Boolean(this.isLong)), onclick: (event) => {
      this.isLong = !this.isLong;
      this.drawLegend(drawn);
      if (event.detail === 0) this.legend.lastElementChild.focus();
    } }, make("span", { class: "hidden-text" }, `${say(this.isLong ? "fewer names" : "all names")} `), sign));
    this.legend.classList.toggle("is-long", Boolean(this.isLong));
  }

  rows() {
    const rows = (this.series ?? []).map((one) => {
      const values = one.y.filter((value) => value !== null);
      const edge = (list, pick) => (list ?? values).reduce((best, value) => (value === null ? best : best === null ? value : pick(best, value)), null);
      return [one.name, shortNumber(values.at(-1)), shortNumber(edge(one.low, Math.min)), shortNumber(edge(one.high, Math.max))];
    });
    return { head: [say("Run"), say("value"), say("lowest"), say("highest")], rows };
  }

  /** Show a part of the drawing: `{ x, y }`, null for an axis that stays as it is; null for all of it. */
  zoom(wanted) {
    const [x, y] = wanted === null ? [null, null] : [wanted.x ?? this.range(), wanted.y ?? this.yRange()];
    if ([x, y].some((range) => range && !(range[1] > range[0]))) return;
    const isTogether = this.isTogether();
    this.board.zoomPanel(this.spec.id, { x: isTogether ? null : x, y });
    if (isTogether && wanted?.x !== null) this.board.zoom(x);
    else if (wanted?.x === null) this.redraw();
    else this.load();
  }

  /** Whether there are runs to choose among. */
  canBrush() {
    return this.board.runs.length > 1;
  }

  /** Take the runs whose lines pass through a rectangle of values: the others are faint while the reader decides what to do with them. */
  brush(wanted) {
    const found = this.plot?.within(wanted) ?? [];
    this.brushed = new Set(found.flatMap((one) => one.runs));
    this.draw();
    this.tellBrushed();
  }

  tellBrushed() {
    this.choice?.remove();
    const ids = [...this.brushed];
    const end = (work) => () => {
      this.choice.remove();
      this.brushed = undefined;
      this.draw();
      work?.();
    };
    const act = (label, work, isOff = false) => make("button", { class: "button small", type: "button", disabled: isOff, onclick: end(work) }, label);
    const compared = `/ui/compare?runs=${ids.join(",")}`;
    this.choice = make("div", { class: "row wrapping tight panel-choice", role: "group", "aria-label": say("brushed", { count: ids.length }) },
      make("strong", { class: "small", role: "status" }, say("brushed", { count: ids.length })),
      act(say("only these", { count: ids.length }), () => this.board.only(ids), !ids.length),
      act(say("hide these"), () => this.board.hide(ids), !ids.length),
      ids.length > 1 && ids.length <= MOST_COMPARED ? make("a", { class: "button small", href: compared }, say("compare these")) : "",
      act(say("cancel")));
    this.legend.before(this.choice);
    this.choice.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      end()();
      this.element.focus();
    });
  }

  /** Zoom, or choose runs, by numbers: what dragging does, without a pointer. */
  async askRange() {
    const { x, y } = this.plot?.plot?.scales ?? {};
    const dialog = x && (await rangeDialog().catch((error) => notify(why(error))));
    if (dialog && !document.querySelector(".panel-dialog")) dialog.askRange(this, { x: [x.min, x.max], y: [y.min, y.max] }, { fieldTime, momentOf, zone });
  }

  entries() {
    return [["fit", this.canBrush() ? "range and runs" : "range", () => this.askRange()], ...super.entries()];
  }

  keys(event) {
    const plot = this.plot?.plot;
    if (event.target !== this.element || !plot || event.altKey || event.ctrlKey || event.metaKey) {
      super.keys(event);
      return;
    }
    const { min, max } = plot.scales.x;
    const width = max - min;
    const zooms = { "+": [min + width / 4, max - width / 4], "-": [min - width / 2, max + width / 2] };
    const pans = { ArrowLeft: [min - width / 4, max - width / 4], ArrowRight: [min + width / 4, max + width / 4] };
    if (event.shiftKey && pans[event.key]) this.plot.step(event.key === "ArrowLeft" ? -0.02 : 0.02);
    else if (event.key === "p") this.plot.pin();
    else if (event.key === "z") this.askRange();
    else if (event.key === "0" || (event.key === "Escape" && !this.element.closest("dialog"))) this.zoom(null);
    else if (zooms[event.key]) this.zoom({ x: zooms[event.key], y: null });
    else if (pans[event.key] && !this.element.closest("dialog")) this.zoom({ x: pans[event.key], y: null });
    else {
      super.keys(event);
      return;
    }
    event.preventDefault();
  }

  redraw() {
    if (this.data) this.draw();
  }

  fade() {
    this.redraw();
  }

  resize() {
    this.plot?.resize();
  }

  clear() {
    this.plot?.destroy();
    this.plot = null;
  }

  rest() {
    super.rest();
    this.data = null;
  }
}
