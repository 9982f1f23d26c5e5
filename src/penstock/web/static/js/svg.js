// Scales and axes of the drawings made of SVG. A scale says where a value stands (0 to 1), and which marks an axis gets.

import { makeSvg } from "./dom.js";
import { shortNumber } from "./words.js";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A scale over values: numbers by size, logarithmic on wish; anything else by order of appearance. */
export function scaleOf(values, { isLog = false, fromZero = false } = {}) {
  const held = values.filter((value) => value !== null && value !== undefined && value !== "");
  const numbers = held.filter(isNumber);
  if (!held.length || numbers.length < held.length) {
    const words = [...new Set(held.map(String))].sort();
    const share = (value) => (value === null || value === undefined || value === "" ? null : (words.indexOf(String(value)) + 0.5) / words.length);
    return { share, at: (part) => words[Math.max(0, Math.min(words.length - 1, Math.floor(part * words.length)))], marks: words.slice(0, 12).map((word) => [share(word), word.slice(0, 18)]), isWords: true };
  }
  let low = Math.min(...numbers);
  let high = Math.max(...numbers);
  const usesLog = isLog && low > 0;
  if (fromZero && !usesLog) [low, high] = [Math.min(0, low), Math.max(0, high)];
  const isLone = low === high;
  if (isLone) [low, high] = usesLog ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  const bend = usesLog ? Math.log10 : (value) => value;
  const unbend = usesLog ? (value) => 10 ** value : (value) => value;
  const [from, until] = [bend(low), bend(high)];
  const share = (value) => (isNumber(value) && (!usesLog || value > 0) ? (bend(value) - from) / (until - from) : null);
  const marks = isLone ? [numbers[0]] : usesLog ? powers(low, high) : rounds(low, high);
  return { share, at: (part) => unbend(from + part * (until - from)), marks: marks.map((value) => [share(value), shortNumber(value)]), isWords: false, low, high };
}

/** Round numbers between two, about five. */
export function rounds(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at += 1) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function powers(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of high / low > 1000 ? [1] : [1, 3]) {
      const value = factor * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found.length > 1 ? found : [low, high];
}

/** An SVG that fills `place`, in pixels, or is taller where it needs `least`; and the box inside its axes. */
export function sheet(place, label, { left = 52, right = 10, top = 20, bottom = 34, least = 150 } = {}) {
  const width = Math.max(220, place.clientWidth || 320);
  const height = Math.max(150, least, place.clientHeight || 200);
  const root = makeSvg("svg", { class: "drawing", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label });
  return { root, box: { left, top, width: width - left - right, height: height - top - bottom } };
}

/** Lines and words of both axes. */
export function axes(root, box, x, y, xName, yName) {
  const bottom = box.top + box.height;
  for (const [share, word] of y?.marks ?? []) {
    const at = bottom - share * box.height;
    root.append(makeSvg("line", { class: "grid-line", x1: box.left, x2: box.left + box.width, y1: at, y2: at }), makeSvg("text", { class: "tick", x: box.left - 6, y: at + 3.5, "text-anchor": "end" }, word));
  }
  let last = -Infinity;
  for (const [share, word] of x?.marks ?? []) {
    const at = box.left + share * box.width;
    if (at - last < 44) continue;
    last = at;
    root.append(makeSvg("line", { class: "grid-line", x1: at, x2: at, y1: box.top, y2: bottom }), makeSvg("text", { class: "tick", x: at, y: bottom + 13, "text-anchor": "middle" }, word));
  }
  if (xName) root.append(makeSvg("text", { class: "axis-name", x: box.left + box.width / 2, y: bottom + 28, "text-anchor": "middle" }, xName));
  if (yName) root.append(makeSvg("text", { class: "axis-name", x: box.left, y: box.top - 8, "text-anchor": "start" }, yName));
}
