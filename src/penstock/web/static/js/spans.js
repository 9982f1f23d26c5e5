// Marks of an axis of durations in seconds: round in the units that people use, and written as exactly as they stand apart.

const UNITS = [[86400, "d"], [3600, "h"], [60, "m"]];
const powers = (from, until) => Array.from({ length: until - from + 1 }, (_, at) => [1, 2, 5].map((digit) => Number(`${digit}e${from + at}`))).flat();

/** Distances between marks: below a minute like those of any number, then in minutes, hours and days. */
export const SPAN_STEPS = [...powers(-6, 0), 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, ...powers(0, 6).map((days) => days * 86400)];

/** Distances between marks of a count. */
export const COUNT_STEPS = powers(0, 15);

/** One word for each mark, no two alike; nothing for what lies before the beginning. */
export function spans(values) {
  const held = values.filter((value) => value !== null);
  const step = held.length > 1 ? held[1] - held[0] : 1;
  return values.map((value) => (value === null || value < -step / 1e6 ? "" : span(Math.max(0, value), step)));
}

function span(value, step) {
  const digits = step < 1 ? Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)) : 0;
  let rest = Number(value.toFixed(digits));
  if (step < 1 && rest < 1) return `${Number((rest * 1000).toPrecision(7))} ms`;
  const parts = [];
  for (const [size, word] of UNITS) {
    const count = Math.floor(rest / size + 1e-9);
    if (count || parts.length) parts.push([count, word]);
    rest = Math.max(0, Number((rest - count * size).toFixed(digits)));
  }
  if (rest || digits || !parts.length) parts.push([rest, "s"]);
  while (parts.length > 1 && !parts.at(-1)[0]) parts.pop();
  const told = (number, word, at) => `${word === "s" ? number.toFixed(digits).padStart(at ? (digits ? digits + 3 : 2) : 0, "0") : String(number).padStart(at && word !== "h" ? 2 : 0, "0")} ${word}`;
  return parts.map(([number, word], at) => told(number, word, at)).join(" ");
}
