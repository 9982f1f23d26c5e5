// Figures that programs stored as Plotly documents, drawn from their numbers: lines, markers, bars, histograms, heat maps. What a figure
// asks for beyond that is not drawn; its values are always there as a table. Nothing in the document runs.

import { make, makeSvg } from "./dom.js";
import { COLORS, STYLES } from "./looks.js";
import { axes, scaleOf, sheet } from "./svg.js";
import { say, shortNumber } from "./words.js";

const TYPES = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };
const MOST = 5000;
const textOf = (title) => (typeof title === "string" ? title : title?.text ?? "");

/** An element for a figure document {data, layout}; traces are hidden by the legend. Curves get their areas and a marker that follows a slider. */
export function figure({ data = [], layout = {} }, label, { isCurves = false } = {}) {
  const traces = (Array.isArray(data) ? data : []).filter((trace) => trace && typeof trace === "object").map((trace, at) => ({ ...trace, x: listOf(trace.x), y: listOf(trace.y), z: trace.isLong ? trace.z : matrixOf(trace.z), values: listOf(trace.values), labels: listOf(trace.labels), name: trace.name || `${trace.type ?? "trace"} ${at + 1}`, series: (at % (COLORS * STYLES)) + 1 }));
  const place = make("div", { class: "figure-box" });
  const title = textOf(layout.title);
  const rows = traces.flatMap(rowsOf).slice(0, 200);
  const twin = make("details", { class: "figure-twin small" }, make("summary", {}, say("table")), make("div", { class: "table-box chart-table", tabindex: "0", role: "region", "aria-label": label }, make("table", { class: "table compact" },
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, i) => make(i ? "td" : "th", i ? { class: "num" } : { scope: "row" }, typeof cell === "number" ? shortNumber(cell) : String(cell ?? "")))))))));
  const view = { hidden: new Set(), at: null, tell: () => {} };
  const redraw = () => place.replaceChildren(drawing(place, traces, layout, title || label, view));
  requestAnimationFrame(redraw);
  return make("div", {}, title ? make("p", { class: "small figure-title" }, title) : "", place, traces.length > 1 || isCurves ? legend(traces, view, redraw, isCurves) : "", isCurves ? marker(traces, layout, view, redraw) : "", twin);
}

/** The area below a curve, by trapezoids. */
function areaOf({ x, y }) {
  const points = (x ?? []).map((value, i) => [value, y[i]]).sort(([a], [b]) => a - b);
  return points.reduce((sum, [at, value], i) => (i ? sum + ((at - points[i - 1][0]) * (value + points[i - 1][1])) / 2 : 0), 0);
}

const nearest = ({ x, y }, at) => x.reduce((best, value, i) => (Math.abs(value - at) < Math.abs(best[0] - at) ? [value, y[i]] : best), [x[0], y[0]]);

/** A slider along x: each curve shown gets a mark at its point nearest to it, and the values are said. */
function marker(traces, layout, view, redraw) {
  const all = traces.flatMap((trace) => trace.x ?? []);
  const [low, high] = [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), -Infinity)];
  const [xName, yName] = [textOf(layout.xaxis?.title) || "x", textOf(layout.yaxis?.title) || "y"];
  const told = make("output", { class: "small num muted" });
  const slider = make("input", { type: "range", min: "0", max: "1000", value: "0", "aria-label": xName });
  view.tell = () => {
    if (view.at === null) return;
    told.textContent = traces.filter((trace) => !view.hidden.has(trace) && trace.x?.length).map((trace) => {
      const [x, y] = nearest(trace, view.at);
      return `${trace.name}: ${xName} ${shortNumber(x)}, ${yName} ${shortNumber(y)}`;
    }).join(" · ");
  };
  slider.addEventListener("input", () => {
    view.at = low + (Number(slider.value) / 1000) * (high - low);
    view.tell();
    redraw();
  });
  return make("div", { class: "figure-marker" }, slider, told);
}

/** Numbers of a figure: a list, or typed bytes as newer libraries write them. */
function listOf(value) {
  if (Array.isArray(value)) return value;
  if (typeof value?.bdata !== "string" || !TYPES[value.dtype]) return null;
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  return [...new TYPES[value.dtype](bytes.buffer)];
}

function matrixOf(value) {
  if (Array.isArray(value)) return value.map((row) => listOf(row) ?? row);
  const flat = listOf(value);
  const [, width] = String(value?.shape ?? "").split(",").map(Number);
  return flat && width ? Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width)) : null;
}

function rowsOf(trace) {
  if (trace.isLong) return trace.z.map((value, i) => [`${trace.y[i]} / ${trace.x[i]}`, value]);
  if (Array.isArray(trace.z)) return trace.z.flatMap((row, i) => (Array.isArray(row) ? row : [row]).map((value, j) => [`${trace.y?.[i] ?? i} / ${trace.x?.[j] ?? j}`, value]));
  if (trace.values) return trace.values.map((value, i) => [trace.labels?.[i] ?? i, value]);
  return (trace.y ?? trace.x ?? []).slice(0, 200).map((value, i) => [trace.name, trace.y ? trace.x?.[i] ?? i : i, value]);
}

function legend(traces, view, redraw, isCurves) {
  const toggle = (trace) => (event) => {
    const isOff = !view.hidden.has(trace);
    view.hidden[isOff ? "add" : "delete"](trace);
    event.currentTarget.setAttribute("aria-pressed", String(!isOff));
    view.tell();
    redraw();
  };
  return make("div", { class: "chart-legend small" }, ...traces.slice(0, 12).map((trace) => make("button", { class: "plain-button legend-entry", type: "button", "aria-pressed": "true", onclick: toggle(trace) }, make("span", { class: `legend-swatch series-${trace.series}` }), make("span", { class: "cut" }, trace.name),
    isCurves ? make("span", { class: "num muted" }, ` AUC ${shortNumber(Number(areaOf(trace).toPrecision(3)))}`) : "")));
}

function drawing(place, traces, layout, label, view) {
  const { root, box } = sheet(place, label);
  const [xName, yName] = [textOf(layout.xaxis?.title), textOf(layout.yaxis?.title)];
  const first = traces[0];
  if (first?.type === "heatmap") heatmap(root, box, first, xName, yName);
  else flat(root, box, traces.flatMap((trace) => drawn(trace).map((one) => ({ ...one, isOff: view.hidden.has(trace) }))), layout, xName, yName, view.at);
  return root;
}

/** A trace as points of a plane; histograms are counted, pies become bars. */
function drawn(trace) {
  if (trace.type === "histogram") return [{ ...trace, type: "bar", ...counted(trace.x ?? trace.y ?? []) }];
  if (trace.values) return [{ ...trace, type: "bar", x: trace.labels ?? trace.values.map((_, i) => i), y: trace.values }];
  if (!trace.y && !trace.x) return [];
  const y = trace.y ?? trace.x;
  return [{ ...trace, x: trace.y && trace.x ? trace.x : y.map((_, i) => i), y }];
}

function counted(values) {
  const numbers = values.filter((value) => typeof value === "number" && Number.isFinite(value));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const bins = Math.max(1, Math.min(50, Math.ceil(Math.sqrt(numbers.length))));
  const size = (high - low) / bins || 1;
  const y = Array(bins).fill(0);
  for (const value of numbers) y[Math.min(bins - 1, Math.floor((value - low) / size))] += 1;
  return { x: y.map((_, i) => low + (i + 0.5) * size), y };
}

/** Traces on a plane; those that are off still count for its range, so that it stays as it is. */
function flat(root, box, traces, layout, xName, yName, at) {
  const hasBars = traces.some((trace) => trace.type === "bar");
  const x = scaleOf(traces.flatMap((trace) => trace.x), { isLog: layout.xaxis?.type === "log" });
  const y = scaleOf(traces.flatMap((trace) => trace.y), { isLog: layout.yaxis?.type === "log", fromZero: hasBars });
  const barTraces = traces.filter((trace) => trace.type === "bar");
  const most = Math.max(2, ...barTraces.map((trace) => trace.x.length));
  const inset = hasBars && !x.isWords ? 0.5 / most : 0; // the first and the last bar stand within the drawing
  const left = (value) => box.left + (inset + (x.share(value) ?? 0) * (1 - 2 * inset)) * box.width;
  const top = (value) => box.top + box.height * (1 - (y.share(value) ?? 0));
  axes(root, box, { marks: x.marks.map(([share, word]) => [inset + share * (1 - 2 * inset), word]) }, y, xName, yName);
  for (const trace of [...barTraces, ...traces.filter((one) => !barTraces.includes(one))].filter(({ isOff }) => !isOff)) { // lines lie over bars
    const held = trace.x.map((value, i) => [value, trace.y[i]]).filter(([a, b]) => x.share(a) !== null && y.share(b) !== null).slice(0, MOST);
    if (trace.type === "bar") {
      const wide = Math.max(1, (box.width / most) * 0.8 / barTraces.length);
      held.forEach(([a, b]) => root.append(makeSvg("rect", { class: `fill series-${trace.series}`, x: left(a) - (wide * barTraces.length) / 2 + barTraces.indexOf(trace) * wide, width: wide, y: Math.min(top(b), top(0)), height: Math.max(1, Math.abs(top(0) - top(b))) }, makeSvg("title", {}, `${trace.name}: ${a}, ${b}`))));
      continue;
    }
    const mode = trace.mode ?? (held.length > 20 ? "lines" : "lines+markers");
    if (mode.includes("lines")) root.append(makeSvg("path", { class: `figure-line series-${trace.series}`, d: held.map(([a, b], i) => `${i ? "L" : "M"}${left(a).toFixed(1)} ${top(b).toFixed(1)}`).join("") }));
    if (at !== null && trace.x.length) {
      const [a, b] = nearest(trace, at);
      root.append(makeSvg("circle", { class: `fill figure-mark series-${trace.series}`, cx: left(a), cy: top(b), r: 5 }));
    }
    if (mode.includes("markers")) for (const [a, b] of held.slice(0, 2000)) root.append(makeSvg("circle", { class: `fill dot series-${trace.series}`, cx: left(a), cy: top(b), r: 3 }, makeSvg("title", {}, `${trace.name}: ${a}, ${b}`)));
  }
}

function heatmap(root, box, trace, xName, yName) {
  const cells = trace.isLong ? trace.z.map((value, i) => [trace.x[i], trace.y[i], value]) : (trace.z ?? []).flatMap((row, i) => row.map((value, j) => [trace.x?.[j] ?? j, trace.y?.[i] ?? i, value]));
  const [columns, rows] = [[...new Set(cells.map(([x]) => x))], [...new Set(cells.map(([, y]) => y))]];
  const most = Math.max(...cells.map(([, , value]) => Number(value) || 0), 1e-12);
  const least = Math.min(0, ...cells.map(([, , value]) => Number(value) || 0));
  const [wide, tall] = [box.width / columns.length, box.height / rows.length];
  axes(root, box, { marks: columns.map((name, i) => [(i + 0.5) / columns.length, String(name).slice(0, 10)]) }, { marks: rows.map((name, i) => [1 - (i + 0.5) / rows.length, String(name).slice(0, 10)]) }, xName, yName);
  for (const [x, y, value] of cells.slice(0, 10_000)) {
    const [left, top] = [box.left + columns.indexOf(x) * wide, box.top + rows.indexOf(y) * tall];
    const heat = Math.round(((Number(value) - least) / (most - least)) * 9);
    root.append(makeSvg("rect", { class: `heat-cell heat-stop-${heat}`, x: left, y: top, width: wide, height: tall }, makeSvg("title", {}, `${y} / ${x}: ${value}`)));
    if (wide > 26 && tall > 13) root.append(makeSvg("text", { class: `tick cell-number${heat > 4 ? " is-strong" : ""}`, x: left + wide / 2, y: top + tall / 2 + 3.5, "text-anchor": "middle" }, shortNumber(value)));
  }
}
