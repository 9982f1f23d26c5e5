// Line drawings of series: what uPlot gets, and how it is drawn. One Plot is one canvas; which series it shows is its owner's business.
//
// A series arrives as columns per bucket of rows (x, y = last value, low, high). Low and high are drawn as a band with visible edges, so a
// single spike among a million points stays visible whatever the zoom. Smoothing works on y and leaves the raw line as a ghost.

import uPlot from "../vendor/uPlot.esm.js";
import { duration, make } from "./dom.js";

const messages = JSON.parse(document.getElementById("chart-messages")?.textContent ?? "{}");

/** Text of a message of the chart pages; `{names}` are replaced. */
export function say(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A number as people read it: significant digits, powers only where they help. */
export function shortNumber(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(6)).toString();
}

const probe = make("span", { hidden: true, "aria-hidden": "true" });

/** The colours of the theme as the canvas needs them. */
export function themeColors() {
  if (!probe.isConnected) document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  return {
    series: Array.from({ length: 8 }, (_, i) => read(`--series-${i + 1}`)),
    line: read("--line"), text: read("--muted"), faint: read("--line-strong"), failed: read("--failed"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}

function alpha(color, share) {
  const parts = color.match(/[\d.]+/g);
  return parts && color.startsWith("rgb") ? `rgb(${parts[0]} ${parts[1]} ${parts[2]} / ${share})` : color;
}

/** Smooth `y` (may hold nulls) over `x`; `amount` is 0 to 99. */
export function smoothed(x, y, kind, amount) {
  if (!amount) return y;
  if (kind === "ema") {
    const weight = Math.min(0.995, amount / 100);
    const width = (x[x.length - 1] - x[0]) || 1;
    const scale = Math.min(x.length, 1000);
    let last = 0;
    let debias = 0;
    let before = x[0];
    return y.map((value, i) => {
      if (value === null) return null;
      const share = weight ** Math.max(((x[i] - before) / width) * scale, 0.0001);
      before = x[i];
      last = last * share + value * (1 - share);
      debias = debias * share + (1 - share);
      return last / debias;
    });
  }
  const reach = Math.max(1, Math.round((amount / 100) ** 2 * y.length * 0.25));
  if (kind === "mean") {
    return y.map((value, i) => {
      if (value === null) return null;
      let sum = 0;
      let count = 0;
      for (let j = Math.max(0, i - reach); j <= i; j += 1) if (y[j] !== null) { sum += y[j]; count += 1; }
      return sum / count;
    });
  }
  const weights = Array.from({ length: 2 * reach + 1 }, (_, j) => Math.exp(-0.5 * ((j - reach) / (reach / 2.5)) ** 2));
  return y.map((value, i) => {
    if (value === null) return null;
    let sum = 0;
    let whole = 0;
    for (let j = Math.max(0, i - reach); j <= Math.min(y.length - 1, i + reach); j += 1) {
      if (y[j] === null) continue;
      sum += y[j] * weights[j - i + reach];
      whole += weights[j - i + reach];
    }
    return sum / whole;
  });
}

/** Mean and extremes over the series of a group, on the union of their x. */
export function grouped(series) {
  const x = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const at = series.map(() => 0);
  const y = [];
  const low = [];
  const high = [];
  for (const place of x) {
    let sum = 0;
    let count = 0;
    let least = Infinity;
    let most = -Infinity;
    series.forEach((one, k) => {
      while (at[k] + 1 < one.x.length && one.x[at[k] + 1] <= place) at[k] += 1;
      if (!one.x.length || one.x[0] > place || one.x[one.x.length - 1] < place) return;
      const i = at[k];
      const j = Math.min(i + 1, one.x.length - 1);
      const a = one.y[i];
      const b = one.y[j];
      if (a === null) return;
      const share = j > i && b !== null ? (place - one.x[i]) / (one.x[j] - one.x[i] || 1) : 0;
      const value = a + share * ((b ?? a) - a);
      sum += value;
      count += 1;
      least = Math.min(least, value, one.low?.[i] ?? value);
      most = Math.max(most, value, one.high?.[i] ?? value);
    });
    y.push(count ? sum / count : null);
    low.push(count ? least : null);
    high.push(count ? most : null);
  }
  return { x, y, low, high, marks: [], rows: Math.max(0, ...series.map((one) => one.rows)) };
}

/** One drawing. `onZoom(from, to)` is called with values of x, or nulls to reset. */
export class Plot {
  constructor(place, { onZoom, syncKey }) {
    this.place = place;
    this.onZoom = onZoom;
    this.syncKey = syncKey;
    this.plot = null;
    this.yRange = null;
  }

  /** Draw `series` (each with name, color 1..8, x, y, low?, high?, marks). */
  draw(series, settings, range) {
    const colors = themeColors();
    const kept = series.filter((one) => one.x.length).map((one) => prepared(one, settings));
    this.shown = [];
    const tables = [];
    const options = [{}];
    const bands = [];
    for (const one of kept) {
      const color = colors.series[(one.color - 1) % 8];
      const columns = [one.x];
      const add = (values, option) => {
        columns.push(values);
        options.push({ points: { show: false }, spanGaps: false, ...option });
        return options.length - 1;
      };
      if (one.low) {
        const high = add(one.high, { stroke: alpha(color, 0.45), width: 0.8 });
        const low = add(one.low, { stroke: alpha(color, 0.45), width: 0.8 });
        bands.push({ series: [high, low], fill: alpha(color, 0.16) });
      }
      if (settings.smooth) add(one.y, { stroke: alpha(color, 0.28), width: 1 });
      const line = add(one.smooth, { stroke: color, width: 1.75, dash: one.color > 8 ? [6, 3] : undefined, points: { show: one.x.length < 2, size: 5, fill: color } });
      this.shown.push({ one, line, color });
      tables.push(columns);
    }
    this.destroy();
    if (!kept.length) return;
    const data = tables.length === 1 ? tables[0] : uPlot.join(tables, tables.map((table) => table.map(() => 1)));
    this.range = range;
    this.plot = new uPlot(this.options(options, bands, settings, colors, kept), data, this.place);
  }

  options(series, bands, settings, colors, kept) {
    const axis = { stroke: colors.text, grid: { stroke: colors.line, width: 1 }, ticks: { stroke: colors.line, width: 1, size: 4 }, font: colors.font };
    const isTime = settings.x === "_timestamp";
    const xValues = settings.x === "_runtime" ? (_, values) => values.map((value) => (value === null ? "" : duration(value))) : isTime ? undefined : (_, values) => values.map(shortNumber);
    const [least, most] = settings.clip ? percentiles(kept) : [null, null];
    return {
      width: Math.max(180, this.place.clientWidth),
      height: Math.max(140, this.place.clientHeight),
      legend: { show: false },
      scales: {
        x: { time: isTime, distr: settings.logX && !isTime ? 3 : 1, range: this.range ? () => [this.range[0], this.range[1]] : undefined },
        y: {
          distr: settings.logY ? 3 : 1,
          range: (_, low, high) => {
            if (this.yRange) return this.yRange;
            if (least !== null && !settings.logY) return padded(least, most);
            if (low === null) return [0, 1];
            return settings.logY ? [low * 0.9, high * 1.1] : padded(low, high);
          },
        },
      },
      axes: [
        { ...axis, size: 26, space: 60, ...(xValues ? { values: xValues } : {}) },
        { ...axis, size: 54, values: (_, values) => values.map(shortNumber) },
      ],
      series,
      bands,
      cursor: {
        drag: { x: true, y: true, uni: 30, setScale: false, dist: 5 },
        sync: this.syncKey ? { key: this.syncKey, setSeries: false, scales: ["x", null] } : undefined,
        points: { show: false },
        focus: { prox: 24 },
      },
      hooks: {
        setSelect: [(u) => this.selected(u)],
        setCursor: [(u) => this.hovered(u)],
        draw: [(u) => this.mark(u, kept, colors)],
        ready: [(u) => this.bind(u)],
      },
    };
  }

  bind(u) {
    u.over.addEventListener("dblclick", () => {
      this.yRange = null;
      this.onZoom(null, null);
    });
    u.over.addEventListener("mouseleave", () => this.tip?.remove());
    u.over.addEventListener("mouseenter", () => { this.isHot = true; });
    u.over.addEventListener("mouseleave", () => { this.isHot = false; });
  }

  selected(u) {
    const { left, top, width, height } = u.select;
    if (width < 4 && height < 4) return;
    const whole = u.over.clientHeight;
    if (height > 4 && height < whole - 2) {
      this.yRange = [u.posToVal(top + height, "y"), u.posToVal(top, "y")];
    }
    const from = u.posToVal(left, "x");
    const to = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.onZoom(from, to);
  }

  /** Not-a-number marks: small triangles on the floor of the drawing. */
  mark(u, kept, colors) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = colors.failed;
    for (const one of kept) {
      for (const [x] of one.marks) {
        const left = u.valToPos(x, "x", true);
        if (!(left >= bbox.left && left <= bbox.left + bbox.width)) continue;
        const bottom = bbox.top + bbox.height;
        ctx.beginPath();
        ctx.moveTo(left - 5, bottom);
        ctx.lineTo(left + 5, bottom);
        ctx.lineTo(left, bottom - 9);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  hovered(u) {
    if (!this.isHot || u.cursor.idx === null || u.cursor.idx === undefined || u.cursor.left < 0) {
      this.tip?.remove();
      return;
    }
    const x = u.posToVal(u.cursor.left, "x");
    const rows = this.shown.map(({ one, color }) => ({ one, color, value: nearest(one, x) })).filter((row) => row.value !== null);
    rows.sort((a, b) => (b.value.y ?? -Infinity) - (a.value.y ?? -Infinity));
    this.tip ??= make("div", { class: "chart-tip", role: "presentation" });
    const at = rows.length ? rows[0].value.x : x;
    this.tip.replaceChildren(make("div", { class: "faint small num" }, this.axisText(at)));
    for (const row of rows.slice(0, 12)) {
      const swatch = make("span", { class: "tip-swatch" });
      swatch.style.background = row.color;
      const mark = row.value.mark ? ` ${row.value.mark}` : "";
      const band = row.value.low !== undefined && row.value.low !== row.value.high ? ` (${shortNumber(row.value.low)} – ${shortNumber(row.value.high)})` : "";
      this.tip.append(make("div", { class: "tip-row" }, swatch, make("span", { class: "cut" }, row.one.name), make("span", { class: "num" }, shortNumber(row.value.y) + mark), make("span", { class: "num faint" }, band)));
    }
    if (rows.length > 12) this.tip.append(make("div", { class: "faint small" }, `+${rows.length - 12}`));
    if (!this.tip.isConnected) u.over.append(this.tip);
    const isRight = u.cursor.left > u.over.clientWidth / 2;
    this.tip.style.left = isRight ? "" : `${u.cursor.left + 14}px`;
    this.tip.style.right = isRight ? `${u.over.clientWidth - u.cursor.left + 14}px` : "";
  }

  axisText(x) {
    return this.axis === "_timestamp" ? new Date(x * 1000).toLocaleString() : this.axis === "_runtime" ? duration(x) : `${say("step")} ${shortNumber(x)}`;
  }

  resize() {
    if (this.plot && this.place.clientWidth) this.plot.setSize({ width: Math.max(180, this.place.clientWidth), height: Math.max(140, this.place.clientHeight) });
  }

  destroy() {
    this.tip?.remove();
    this.plot?.destroy();
    this.plot = null;
  }
}

function padded(low, high) {
  const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
}

function percentiles(kept) {
  const values = kept.flatMap((one) => one.y).filter((value) => value !== null).sort((a, b) => a - b);
  return values.length > 20 ? [values[Math.floor(values.length * 0.02)], values[Math.ceil(values.length * 0.98) - 1]] : [null, null];
}

/** Values that the chosen scales can show, with the smoothed line beside them. */
function prepared(one, settings) {
  const wanted = settings.logX && settings.x !== "_timestamp" ? one.x.map((x) => x > 0) : null;
  const pick = (values) => (values && wanted ? values.filter((_, i) => wanted[i]) : values);
  const positive = (values) => (values && settings.logY ? values.map((value) => (value !== null && value > 0 ? value : null)) : values);
  const order = sortedPlaces(pick(one.x));
  const sort = (values) => (values && order ? order.map((i) => values[i]) : values);
  const x = sort(pick(one.x));
  const y = positive(sort(pick(one.y)));
  return { ...one, x, y, low: positive(sort(pick(one.low))), high: positive(sort(pick(one.high))), smooth: smoothed(x, y, settings.smoother, settings.smooth) };
}

/** Order of places by x, or null when they are in order (x of logged keys may go back and forth). */
function sortedPlaces(x) {
  for (let i = 1; i < x.length; i += 1) {
    if (x[i] < x[i - 1]) return x.map((_, j) => j).sort((a, b) => x[a] - x[b]);
  }
  return null;
}

function nearest(one, x) {
  let low = 0;
  let high = one.x.length - 1;
  if (high < 0) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (one.x[middle] <= x) low = middle;
    else high = middle;
  }
  const i = Math.abs(one.x[high] - x) < Math.abs(one.x[low] - x) ? high : low;
  const mark = one.marks.find(([at]) => at === one.x[i])?.[1];
  return { x: one.x[i], y: one.smooth[i], low: one.low?.[i], high: one.high?.[i], mark };
}
