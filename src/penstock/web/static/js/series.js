// Arithmetic on series: smoothing, groups, outliers. A series is columns of equal length: x, y (null: a gap), and low and high when its
// points stand for buckets of rows. Pure; nothing here draws.

/** Smooth `y` over `x`; `amount` is 0 to 99. `ema` weighs by distance in x, so that uneven logging does not change its reach. */
export function smoothed(x, y, kind, amount) {
  if (!amount || y.length < 2) return y;
  if (kind === "ema") return timeWeighted(x, y, amount);
  const reach = Math.max(1, Math.round((amount / 100) ** 2 * y.length * 0.25));
  return kind === "mean" ? runningMean(y, reach) : gaussian(y, reach);
}

function timeWeighted(x, y, amount) {
  const weight = Math.min(0.995, amount / 100);
  const width = x[x.length - 1] - x[0] || 1;
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

/** Mean of the values at most `reach` places away; one pass with running sums. */
function runningMean(y, reach) {
  const sums = [0];
  const counts = [0];
  for (const value of y) {
    sums.push(sums.at(-1) + (value ?? 0));
    counts.push(counts.at(-1) + (value === null ? 0 : 1));
  }
  return y.map((value, i) => {
    if (value === null) return null;
    const from = Math.max(0, i - reach);
    const until = Math.min(y.length, i + reach + 1);
    return (sums[until] - sums[from]) / (counts[until] - counts[from]);
  });
}

function gaussian(y, reach) {
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

/** One line for a group of series, on the union of their x. `how`: mean, median, min, max. `spread`: range, std, stderr, none. */
export function grouped(series, how = "mean", spread = "range") {
  const x = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const at = series.map(() => 0);
  const y = [];
  const low = [];
  const high = [];
  for (const place of x) {
    const values = [];
    let least = Infinity;
    let most = -Infinity;
    series.forEach((one, k) => {
      while (at[k] + 1 < one.x.length && one.x[at[k] + 1] <= place) at[k] += 1;
      const value = valueAt(one, at[k], place);
      if (value === null) return;
      values.push(value);
      least = Math.min(least, value, one.low?.[at[k]] ?? value);
      most = Math.max(most, value, one.high?.[at[k]] ?? value);
    });
    y.push(values.length ? joined(values, how) : null);
    const [from, to] = spreadOf(values, spread, least, most);
    low.push(from);
    high.push(to);
  }
  const marks = series.flatMap((one) => one.marks ?? []);
  const body = { x, y, marks, rows: Math.max(0, ...series.map((one) => one.rows)), points: Math.max(0, ...series.map((one) => one.points ?? one.x.length)) };
  return spread === "none" ? body : { ...body, low, high };
}

/** Value of a series at `place`, between its points i and i + 1; null outside of it. */
function valueAt(one, i, place) {
  if (!one.x.length || one.x[0] > place || one.x[one.x.length - 1] < place) return null;
  const j = Math.min(i + 1, one.x.length - 1);
  const a = one.y[i];
  const b = one.y[j];
  if (a === null) return null;
  const share = j > i && b !== null ? (place - one.x[i]) / (one.x[j] - one.x[i] || 1) : 0;
  return a + share * ((b ?? a) - a);
}

/** One number for many. */
export function joined(values, how) {
  if (how === "min") return Math.min(...values);
  if (how === "max") return Math.max(...values);
  if (how === "sum") return values.reduce((sum, value) => sum + value, 0);
  if (how === "median") {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation; 0 for fewer than two values. */
function deviation(values) {
  if (values.length < 2) return 0;
  const mean = joined(values, "mean");
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Lower and upper edge of the band around a group: deviation and error stand around the mean. */
export function spreadOf(values, spread, least = Math.min(...values), most = Math.max(...values)) {
  if (!values.length || spread === "none") return [null, null];
  if (spread === "range") return [least, most];
  const reach = deviation(values) / (spread === "stderr" ? Math.sqrt(values.length) : 1);
  const mean = joined(values, "mean");
  return [mean - reach, mean + reach];
}

/** The 2nd and 98th percentile of all drawn values; nulls when there are too few to call any an outlier. */
export function percentiles(kept) {
  const values = kept.flatMap((one) => one.y).filter((value) => value !== null).sort((a, b) => a - b);
  return values.length > 20 ? [values[Math.floor(values.length * 0.02)], values[Math.ceil(values.length * 0.98) - 1]] : [null, null];
}

/** Value of a line nearest to x, with its band and mark; null for a line without points. */
export function nearest(one, x) {
  let low = 0;
  let high = one.x.length - 1;
  if (high < 0) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (one.x[middle] <= x) low = middle;
    else high = middle;
  }
  const i = Math.abs(one.x[high] - x) < Math.abs(one.x[low] - x) ? high : low;
  const mark = one.marks?.find(([at]) => at === one.x[i])?.[1];
  return { x: one.x[i], y: one.smooth?.[i] ?? one.y[i], raw: one.y[i], low: one.low?.[i], high: one.high?.[i], mark };
}

/** Whether a line {x, y, low?, high?} passes through a rectangle: a point, the extremes of a bucket, or the stretch between two points lies in it. */
export function crosses({ x, y, low, high }, { left, right, top, bottom }) {
  const isLevel = (a, b) => Math.max(a, b) >= top && Math.min(a, b) <= bottom;
  for (let i = 0; i < x.length; i += 1) {
    const isInside = x[i] >= left && x[i] <= right;
    if (isInside && y[i] !== null && isLevel(y[i], y[i])) return true;
    if (isInside && low && high && low[i] !== null && high[i] !== null && isLevel(low[i], high[i])) return true;
    if (i === 0 || y[i] === null || y[i - 1] === null || x[i] < left || x[i - 1] > right) continue;
    const at = (place) => y[i - 1] + ((y[i] - y[i - 1]) * (Math.min(Math.max(place, x[i - 1]), x[i]) - x[i - 1])) / (x[i] - x[i - 1] || 1);
    if (isLevel(at(left), at(right))) return true;
  }
  return false;
}

/** A new series from others: `formula(values)` on the union of x, each other series giving its last value so far. */
export function combined(parts, formula) {
  const x = [...new Set(parts.flatMap((part) => part.x))].sort((a, b) => a - b);
  const at = parts.map(() => -1);
  const y = x.map((place) => {
    const values = parts.map((part, k) => {
      while (at[k] + 1 < part.x.length && part.x[at[k] + 1] <= place) at[k] += 1;
      return at[k] < 0 ? null : part.y[at[k]];
    });
    if (values.some((value) => value === null)) return null;
    const value = formula(values);
    return Number.isFinite(value) ? value : null;
  });
  return { x, y, marks: [], rows: Math.max(0, ...parts.map((part) => part.rows)), points: Math.max(0, ...parts.map((part) => part.x.length)) };
}
