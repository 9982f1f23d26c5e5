// Line drawings of series: what uPlot gets, and how it is drawn. One Plot is one canvas; which series it shows is its owner's business.
//
// A series arrives as columns per bucket of rows (x, y = last value, low, high). Low and high are drawn as a band with visible edges, so a
// single spike among a million points stays visible whatever the zoom. Smoothing works on y and leaves the raw line as a ghost.

import { clock, zone } from "./clocks.js";
import { styleAt } from "./looks.js";
import { crosses, nearest, percentiles, smoothed } from "./series.js";
import { COUNT_STEPS, SPAN_STEPS, spans } from "./spans.js";
import { themeColors } from "./theme.js";
import { Tip } from "./tip.js";
import { say, shortNumber } from "./words.js";

/** Milliseconds in which a second click makes a double click of the first. */
const SECOND_CLICK = 250;

/** How the horizontal axis is marked, where it is not one of any numbers. The library knows moments. */
const AXES = {
  _timestamp: {}, _step: { values: (_, values) => values.map(shortNumber), incrs: COUNT_STEPS },
  _runtime: { values: (_, values) => spans(values), incrs: SPAN_STEPS, space: 80 },
};

let uPlot = null;
/** The drawing in which the pointer went down last. */
let dragged = null;

/** Settled once a Plot can draw. Not a static import: the library takes its time to begin, and the data can be on its way meanwhile. */
export const canDraw = import("../vendor/uPlot.esm.js").then((library) => {
  uPlot = library.default;
});

function alpha(color, share) {
  const parts = color.match(/[\d.]+/g);
  return parts && color.startsWith("rgb") ? `rgb(${parts[0]} ${parts[1]} ${parts[2]} / ${share})` : color;
}

/**
 * One drawing. `onZoom({ x, y })` is called with ranges of values, null for an axis that stays as it is, or with null to reset both;
 * `onPick(series, event)` when a line is clicked; `onBrush({ x, y })` when a rectangle was drawn around lines instead, which
 * `isBrush(event)` says of the event that began it.
 */
export class Plot {
  constructor(place, { onZoom, onPick = null, onBrush = null, isBrush = () => false, syncKey = null, sprite = "" }) {
    Object.assign(this, { place, onZoom, onPick, onBrush, isBrush, syncKey });
    this.plot = null;
    this.tip = new Tip(sprite);
  }

  /** Draw `series` (each with name, color (see `looks.js`), x, y, low?, high?, marks), zoomed into `range` of x and `yRange` of y, as far as they are given. */
  draw(series, settings, range, yRange = null) {
    if (this.isPressed) { // a drag goes on in the drawing in which it began
      this.waiting = () => this.draw(series, settings, range, yRange);
      return;
    }
    this.waiting = null;
    const colors = themeColors();
    const kept = series.filter((one) => one.x.length).map((one) => prepared(one, settings));
    this.shown = [];
    const tables = [];
    const options = [{}];
    const bands = [];
    for (const one of kept) {
      const color = colors.of(one.color);
      const columns = [one.x];
      const share = one.isFaint ? 0.25 : 1;
      const add = (values, option) => {
        columns.push(values);
        options.push({ points: { show: false }, spanGaps: false, ...option });
        return options.length - 1;
      };
      if (one.low) {
        const high = add(one.high, { stroke: alpha(color, 0.45 * share), width: 0.8 });
        const low = add(one.low, { stroke: alpha(color, 0.45 * share), width: 0.8 });
        bands.push({ series: [high, low], fill: alpha(color, 0.16 * share) });
      }
      if (settings.smooth) add(one.y, { stroke: alpha(color, 0.28 * share), width: 1 });
      const line = add(one.smooth, { stroke: alpha(color, share), width: one.isBaseline ? 2.75 : 1.75, dash: colors.dashes[styleAt(one.color)], points: { show: one.x.length < 2, size: 5, fill: color } });
      this.shown.push({ one, line });
      tables.push(columns);
    }
    const { isPinned } = this.tip;
    const isRead = this.isHot && this.tip.element.isConnected;
    const { left, top } = this.plot?.cursor ?? { left: -1, top: -1 };
    this.plot?.destroy();
    this.plot = null;
    if (!kept.length) return;
    const data = tables.length === 1 ? tables[0] : uPlot.join(tables, tables.map((table) => table.map(() => 1)));
    this.range = range;
    this.yRange = yRange;
    this.plot = new uPlot(this.options(options, bands, settings, colors, kept), data, this.place);
    if (isPinned) this.plot.over.append(this.tip.element);
    else if (isRead && left >= 0) queueMicrotask(() => this.plot?.setCursor({ left, top })); // new values come while somebody reads the old ones; the drawing has its size after a microtask
  }

  options(series, bands, settings, colors, kept) {
    const axis = { stroke: colors.text, grid: { stroke: colors.line, width: 1 }, ticks: { stroke: colors.line, width: 1, size: 4 }, font: colors.font };
    const isTime = settings.x === "_timestamp";
    const xAxis = AXES[settings.x] ?? { values: (_, values) => values.map(shortNumber) };
    const [least, most] = settings.clip ? percentiles(kept) : [null, null];
    return {
      width: Math.max(180, this.place.clientWidth),
      height: Math.max(140, this.place.clientHeight),
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: {
        x: { time: isTime, distr: settings.logX && !isTime ? 3 : 1, range: this.range ? () => [this.range[0], this.range[1]] : (u, low, high) => { // of a lone point the library gives a range that begins there
          const [all] = u.data;
          return all.length === 1 ? wideEnough(all[0], all[0], settings) : wideEnough(low, high, settings);
        } },
        y: {
          distr: settings.logY ? 3 : 1,
          range: (_, low, high) => {
            if (this.yRange) return this.yRange;
            if (settings.yMin !== undefined && settings.yMax !== undefined) return [settings.yMin, settings.yMax];
            if (least !== null && !settings.logY) return padded(least, most);
            if (low === null) return [0, 1];
            return settings.logY ? [low * 0.9, high * 1.1] : padded(low, high);
          },
        },
      },
      axes: [
        { ...axis, size: 26, space: 60, ...(settings.logX && !isTime ? { values: xAxis.values } : xAxis) },
        { ...axis, size: 54, values: (_, values) => (settings.logY ? powers(values) : values).map(shortNumber) },
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
    u.over.addEventListener("mousedown", (event) => {
      dragged = this;
      this.press();
      this.isBrushing = Boolean(this.onBrush) && this.isBrush(event);
    }, { capture: true });
    u.over.addEventListener("dblclick", () => {
      clearTimeout(this.picking);
      if (this.isPinnedByClick) this.tip.hide(true);
      this.onZoom(null);
    });
    u.over.addEventListener("mouseenter", () => { this.isHot = true; });
    u.over.addEventListener("mouseleave", () => {
      this.isHot = false;
      this.tip.hide();
    });
    u.over.addEventListener("click", (event) => this.clicked(u, event));
  }

  /** Hold what is drawn until the pointer is let go. */
  press() {
    this.isPressed = true;
    this.waiting = null;
    document.addEventListener("mouseup", () => {
      this.isPressed = false;
      // What the drag asked for is drawn after this, from newer data.
      setTimeout(() => this.plot && this.waiting?.());
    }, { once: true, capture: true });
  }

  /** A click on a line picks it; one beside the lines pins the values that are shown, for copying. The first half of a double click does neither for long. */
  clicked(u, event) {
    if (event.target.closest(".chart-tip") || event.detail > 1) return;
    this.isPinnedByClick = !this.tip.isPinned;
    const near = this.lineAt(u, u.cursor.left, u.cursor.top);
    if (near && this.onPick && !event.shiftKey) this.picking = setTimeout(() => this.onPick(near, event), SECOND_CLICK);
    else if (!near || event.shiftKey) this.pin();
  }

  /** The line within a few pixels of a point, or null. */
  lineAt(u, left, top) {
    let best = null;
    let least = 9;
    const x = u.posToVal(left, "x");
    for (const { one } of this.shown) {
      const value = nearest(one, x);
      if (value === null || value.y === null) continue;
      const away = Math.abs(u.valToPos(value.y, "y") - top);
      if (away < least) [best, least] = [one, away];
    }
    return best;
  }

  /** Keep the values at the crosshair on the page until they are closed. */
  pin() {
    const u = this.plot;
    if (!u || u.cursor.left < 0) return;
    this.showTip(u);
    this.tip.pin();
  }

  /** Move the crosshair by a share of the width, as arrow keys do. */
  step(share) {
    const u = this.plot;
    if (!u) return;
    const width = u.over.clientWidth;
    const left = Math.max(0, Math.min(width, (u.cursor.left < 0 ? width / 2 : u.cursor.left) + share * width));
    this.isHot = true;
    u.setCursor({ left, top: u.over.clientHeight / 2 });
  }

  /** A rectangle was drawn: a flat one means x alone, a tall one y alone (the library makes them as wide, or as high, as the drawing). */
  selected(u) {
    const { left, top, width, height } = u.select;
    if (width < 4 && height < 4) return;
    if (dragged !== this) { // drawings with the same crosshair show the rectangle, too
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      return;
    }
    const isWide = width >= u.over.clientWidth - 1;
    const isTall = height >= u.over.clientHeight - 1;
    const wanted = {
      x: isWide && !isTall ? null : [u.posToVal(left, "x"), u.posToVal(left + width, "x")],
      y: isTall ? null : [u.posToVal(top + height, "y"), u.posToVal(top, "y")],
    };
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (this.isBrushing) this.onBrush(wanted);
    else this.onZoom(wanted);
  }

  /** Series that are seen to pass through a rectangle of values; null for an axis means all of it. */
  within({ x, y }) {
    const u = this.plot;
    if (!u) return [];
    const sides = (range, axis, whole) => (range ? range.map((value) => u.valToPos(value, axis)).sort((a, b) => a - b) : [0, whole]);
    const [left, right] = sides(x, "x", u.over.clientWidth);
    const [top, bottom] = sides(y, "y", u.over.clientHeight);
    const place = (value, axis) => (value === null || value === undefined ? null : u.valToPos(value, axis));
    return this.shown.map(({ one }) => one).filter((one) => crosses({
      x: one.x.map((value) => place(value, "x")), y: one.smooth.map((value) => place(value, "y")),
      low: one.isGroup ? null : one.low?.map((value) => place(value, "y")), high: one.isGroup ? null : one.high?.map((value) => place(value, "y")),
    }, { left, right, top, bottom }));
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
    if (this.tip.isPinned) return;
    if (!this.isHot || u.cursor.idx === null || u.cursor.idx === undefined || u.cursor.left < 0) this.tip.hide();
    else this.showTip(u);
  }

  showTip(u) {
    const x = u.posToVal(u.cursor.left, "x");
    const rows = this.shown.map(({ one }) => ({ one, value: nearest(one, x) })).filter((row) => row.value !== null);
    rows.sort((a, b) => (b.value.y ?? -Infinity) - (a.value.y ?? -Infinity));
    const base = rows.find((row) => row.one.isBaseline)?.value.y ?? null;
    this.tip.show(u.over, u.cursor.left, this.axisText(rows.length ? rows[0].value.x : x), rows, base);
  }

  axisText(x) {
    return this.axis === "_timestamp" ? clock(x * 1000) : this.axis === "_runtime" ? this.span(x) : `${this.axis && this.axis !== "_step" ? this.axis : say("step")} ${shortNumber(x)}`;
  }

  /** A duration as exactly as the drawing shows it. */
  span(x) {
    const { min, max } = this.plot.scales.x;
    return spans([x, x + (max - min) / 100])[0];
  }

  resize() {
    if (this.plot && this.place.clientWidth) this.plot.setSize({ width: Math.max(180, this.place.clientWidth), height: Math.max(140, this.place.clientHeight) });
  }

  destroy() {
    this.tip.hide(true);
    this.plot?.destroy();
    this.plot = null;
  }
}

/** The range of x; a lone point stands in the middle of something. */
function wideEnough(low, high, settings) {
  if (low === null || low < high) return [low, high];
  if (settings.logX && settings.x !== "_timestamp") return [low / 2, low * 2];
  const reach = settings.x === "_timestamp" ? 30 : settings.x === "_runtime" && low > 0 ? Math.min(0.5, low) : 0.5;
  return [low - reach, low + reach];
}

/** Marks of a logarithmic axis: powers of ten where there are some, else all with the digits that fit beside the drawing. */
function powers(values) {
  const isPower = (value) => value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
  const isWide = values.filter(isPower).length > 1;
  return values.map((value) => (value === null || (isWide && !isPower(value)) ? null : Number(value.toPrecision(3))));
}

function padded(low, high) {
  const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
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
