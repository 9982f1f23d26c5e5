// Answers that panels of a frozen grid are drawn from, and those that a grid would have to keep.

const LOOSE = new Set(["runs", "points", "from", "to"]);
const COLUMNS = ["x", "y", "low", "high", "low_x", "high_x"];

/** Under what the answer to an address is kept; the server makes the same (`web/reports/freezing.py`). */
function answerKey(address) {
  const { pathname, searchParams } = new URL(address, location.origin);
  const kept = [...searchParams].filter(([name]) => !LOOSE.has(name)).sort(([a, v], [b, w]) => (a === b ? (v < w ? -1 : v > w ? 1 : 0) : a < b ? -1 : 1));
  return pathname + JSON.stringify(kept);
}

/** The kept answer to an address; of series, the part that the zoom shows. Throws when there is none. */
export function keptAnswer(answers, address, missing) {
  const found = answers[answerKey(address)];
  if (!found) throw new Error(missing);
  const { searchParams } = new URL(address, location.origin);
  if (!found.series || !searchParams.has("from")) return found;
  const from = Number(searchParams.get("from"));
  const to = Number(searchParams.get("to"));
  return { ...found, series: found.series.map((one) => part(one, from, to)) };
}

/** What of a series lies between two values of x, and one point more on each side. */
function part(one, from, to) {
  const inside = one.x.map((x, at) => (x >= from && x <= to ? at : -1)).filter((at) => at >= 0);
  const first = Math.max(0, (inside[0] ?? 0) - 1);
  const last = inside.length ? Math.min(one.x.length, inside.at(-1) + 2) : 0;
  const cut = Object.fromEntries(COLUMNS.filter((name) => one[name]).map((name) => [name, one[name].slice(first, last)]));
  return { ...one, ...cut };
}
