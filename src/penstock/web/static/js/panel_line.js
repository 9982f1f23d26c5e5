// Line panels: one or several keys, keys by pattern, or an expression, over the visible runs.

import { make } from "./dom.js";
import { expression } from "./expressions.js";
import { isLaneWanted, lane } from "./lanes.js";
import { Panel } from "./panel.js";
import { canDraw, Plot } from "./plot.js";
import { combined, grouped } from "./series.js";
import { say, shortNumber } from "./words.js";

const MOST_KEYS = 16;
const DASHES = [undefined, [7, 4], [2, 3], [10, 3, 2, 3]];
const OWN = ["x", "smooth", "smoother", "logY", "logX", "clip", "agg", "band", "yMin", "yMax"];

/** Lines of one drawing that share a colour, told apart by dashes. */
function apart(lines) {
  const seen = new Map();
  return lines.map((one) => {
    const before = seen.get(one.color) ?? 0;
    seen.set(one.color, before + 1);
    return before ? { ...one, dash: DASHES[before % DASHES.length] } : one;
  });
}

export class LinePanel extends Panel {
  /** The board's settings with those of the panel over them. */
  settings() {
    const own = Object.fromEntries(OWN.filter((name) => this.spec[name] !== undefined).map((name) => [name, this.spec[name]]));
    const isPlain = own.x === undefined && this.board.settings.x === "_step" && this.spec.stepMetric;
    return { ...this.board.settings, ...own, ...(isPlain ? { x: this.spec.stepMetric } : {}) };
  }

  /** Keys that are asked for: [{key} or {keys, evaluate}], at most a dozen. */
  wanted() {
    const { spec } = this;
    if (spec.expr) return [{ ...expression(spec.expr), name: spec.title || spec.expr }];
    if (spec.match) {
      const pattern = new RegExp(spec.match);
      return this.board.lineKeys().filter((key) => pattern.test(key)).slice(0, MOST_KEYS).map((key) => ({ keys: [key] }));
    }
    const keys = spec.keys ?? [spec.key];
    const kept = this.board.stream === "events" ? keys.filter((key) => isLaneWanted(key, this.board.settings.lanes)) : keys;
    this.left = Math.max(0, kept.length - MOST_KEYS);
    return kept.slice(0, MOST_KEYS).map((key) => ({ keys: [key] }));
  }

  range() {
    const { x } = this.settings();
    return this.board.settings.sync && x === this.board.settings.x ? this.board.range : this.ownRange ?? null;
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
    const byId = new Map(this.board.runs.map((run) => [run.id, run]));
    const { keys } = this.spec;
    const isMany = (keys ?? this.data).length > 1;
    const found = [];
    this.data.forEach((one, at) => {
      const key = one.name ?? one.keys[0];
      const place = keys ? keys.indexOf(key) : at; // a lane keeps its look while others are left out
      const dash = isMany ? DASHES[place % DASHES.length] : undefined;
      const groups = new Map();
      for (const series of one.series) {
        const run = byId.get(series.run);
        if (!run || run.isHidden || !series.x.length) continue;
        if (run.group !== undefined) {
          if (!groups.has(run.group)) groups.set(run.group, { name: run.group || "–", color: run.groupColor, series: [] });
          groups.get(run.group).series.push(series);
        } else found.push({ ...series, name: this.label(run, key, isMany), color: isMany && this.board.visible().length === 1 ? place + 1 : run.color, dash, id: run.id, url: run.url, isBaseline: run.isBaseline, isFaint: run.isFaint });
      }
      for (const group of groups.values()) found.push({ ...grouped(group.series, settings.agg, settings.band), name: `${group.name} (${group.series.length})${isMany ? ` ${key}` : ""}`, color: group.color, dash });
    });
    return isMany ? found : apart(found);
  }

  /** Name of a line: the panel's template (`${run} ${config:lr}`), or run and, of several keys, the key. */
  label(run, key, isMany) {
    if (this.board.stream === "events" && isMany) return lane(key);
    if (!this.spec.legend) return isMany ? (this.board.visible().length > 1 ? `${run.name} ${key}` : key) : run.name;
    return this.spec.legend.replace(/\$\{([^}]+)\}/g, (_, name) => {
      if (name === "run" || name === "run:displayName") return run.name;
      if (name === "id" || name === "run:name") return run.runName ?? run.id;
      if (name === "key" || name === "metric" || name === "y") return key;
      if (name === "group" || name === "run:group") return run.group ?? "";
      return String(this.told?.get(run.id)?.[name.replace(/^(c|s)\w+:/, "$1.")] ?? "");
    });
  }

  draw() {
    const settings = this.settings();
    const drawn = this.arranged().filter((one) => one.y.some((value) => value !== null) || one.marks?.length);
    this.series = drawn;
    if (!drawn.length) {
      this.empty();
      return;
    }
    if (!this.plot) {
      this.body.replaceChildren();
      this.plot = new Plot(this.body, { onZoom: (from, to) => this.zoom(from, to), onPick: (one, event) => this.pick(one, event), syncKey: `board ${settings.x}`, sprite: this.board.sprite });
    }
    this.plot.axis = settings.x;
    this.plot.draw(drawn, settings, this.range());
    this.note.textContent = this.resolution(drawn, settings);
    const last = drawn.map((one) => `${one.name}: ${shortNumber(one.y.findLast((value) => value !== null))}`).slice(0, 5).join(", ");
    this.element.setAttribute("aria-label", `${this.name}. ${last}`);
    this.drawLegend(drawn);
    this.fillTable();
  }

  /** What is not shown: rows per drawn point, keys beyond the most, values outside the scale. */
  resolution(drawn, settings) {
    const parts = this.data.flatMap((one) => one.series);
    const most = this.left ? [say("lines left", { shown: MOST_KEYS, all: MOST_KEYS + this.left })] : [];
    const rows = Math.max(...parts.map((one) => one.rows));
    const points = Math.max(...parts.map((one) => one.points ?? one.x.length));
    const notes = [...most, rows > points ? say("buckets", { per: Math.ceil(rows / points).toLocaleString() }) : say(rows === 1 ? "full one" : "full", { rows: rows.toLocaleString() })];
    if (this.spec.expr && rows > points) notes.push(say("last of bucket"));
    if (drawn.some((one) => one.marks?.length)) notes.push(say("marked"));
    if (settings.clip) notes.push(say("clipped"));
    return notes.join(" · ");
  }

  pick(one, event) {
    if (event.altKey) this.board.isolate(one.id);
    else if (one.url) {
      if (event.ctrlKey || event.metaKey) window.open(one.url, "_blank", "noopener");
      else location.href = one.url;
    }
  }

  drawLegend(drawn) {
    this.legend.replaceChildren();
    if (drawn.length < 2) return;
    for (const one of drawn.slice(0, 8)) {
      const line = one.url ? make("a", { class: "quiet cut", href: one.url }, one.name) : make("span", { class: "cut" }, one.name);
      this.legend.append(make("span", { class: "legend-entry" }, make("span", { class: `legend-swatch series-${((one.color - 1) % 8) + 1}${one.dash ? " is-dashed" : ""}` }), line));
    }
    if (drawn.length > 8) this.legend.append(make("span", { class: "faint" }, `+${drawn.length - 8}`));
  }

  rows() {
    const rows = (this.series ?? []).map((one) => {
      const values = one.y.filter((value) => value !== null);
      const edge = (list, pick) => (list ?? values).reduce((best, value) => (value === null ? best : best === null ? value : pick(best, value)), null);
      return [one.name, shortNumber(values.at(-1)), shortNumber(edge(one.low, Math.min)), shortNumber(edge(one.high, Math.max))];
    });
    return { head: [say("Run"), say("value"), say("lowest"), say("highest")], rows };
  }

  zoom(from, to) {
    if (from !== null && !(to > from)) return;
    if (from === null && this.plot) this.plot.yRange = null;
    if (this.board.settings.sync && this.settings().x === this.board.settings.x) {
      this.board.zoom(from, to);
      return;
    }
    this.ownRange = from === null ? null : [from, to];
    this.load();
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
    else if (event.key === "0" || (event.key === "Escape" && !this.element.closest("dialog"))) this.zoom(null, null);
    else if (zooms[event.key]) this.zoom(...zooms[event.key]);
    else if (pans[event.key] && !this.element.closest("dialog")) this.zoom(...pans[event.key]);
    else {
      super.keys(event);
      return;
    }
    event.preventDefault();
  }

  redraw() {
    if (this.data) this.draw();
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
