// Custom charts as documents: placeholders filled in, and what a specification of a stranger may not ask for. Pure, without a page.
//
// A specification names its data "wandb" and its fields `${field:x}`, its texts `${string:title}`; what they stand for is the chart's setting.

import { SpecError } from "./vega_spec.js";

const DATA = "wandb";
const MOST_NODES = 40000;
const MOST_PIXELS = 4000;
const MOST_SEQUENCE = 100000;
const MOST_CROSSED = 1000;
const PLACEHOLDER = /\$\{(?:(field|string):)?([^}]+)\}/g;
const CLIENT = "wandb/";
const DASHED_SYMBOL = 200; // square pixels of a sample of a line: as wide as its row in the legend is tall

/** Whether a document is Vega rather than Vega-Lite. */
export function isPlainVega(spec) {
  if (/\/vega-lite\//.test(spec.$schema)) return false;
  return /\/vega\//.test(spec.$schema) || Array.isArray(spec.marks) || Array.isArray(spec.data);
}

/** A field's name where a path is expected: dots and brackets in it belong to the name. */
const fieldPath = (name) => name.replace(/[\\.[\]]/g, "\\$&");

/** The document with its placeholders filled in. `preset`: of the client's own, an encoding without its field is left out. */
export function filled(spec, { fields = {}, strings = {}, columns = [], preset = "" }) {
  const missing = new Set();
  const plain = (name) => String(name).replace(/^runSets_(?:summaryTable|historyTable|summary|config|history)_/, "");
  const fieldOf = (name) => {
    const wanted = fields[name] !== undefined ? plain(fields[name]) : columns.includes(name) ? name : null;
    if (wanted === null || (columns.length && !columns.includes(wanted))) missing.add(wanted ?? name);
    return wanted;
  };
  const value = (kind, name, isWhole) => {
    if (kind === "string" || (!kind && strings[name] !== undefined)) {
      const [own, otherwise = ""] = name.split(":");
      return String(strings[own] ?? otherwise);
    }
    const found = fieldOf(name);
    return found === null ? null : isWhole ? fieldPath(found) : found;
  };
  const text = (given) => {
    const whole = new RegExp(`^${PLACEHOLDER.source}$`).exec(given);
    if (whole) return value(whole[1], whole[2], true);
    return given.replace(PLACEHOLDER, (_, kind, name) => value(kind, name, false) ?? "");
  };
  const walk = (node) => {
    if (typeof node === "string") return text(node);
    if (Array.isArray(node)) return node.map(walk);
    if (!node || typeof node !== "object") return node;
    const made = {};
    for (const [name, inner] of Object.entries(node)) {
      const known = walk(inner);
      if (inner?.field !== undefined && known.field === null) continue;
      made[text(name) ?? name] = known;
    }
    // Otherwise an axis would be called by the escaped path.
    if (typeof node.type === "string" && typeof made.field === "string" && made.field !== node.field && made.field.includes("\\")) made.title ??= made.field.replace(/\\(.)/g, "$1");
    return made;
  };
  const done = walk(spec);
  if (missing.size && !preset.startsWith(CLIENT)) throw new SpecError("vega no field", { names: [...missing].join(", "), columns: columns.join(", ") });
  return done;
}

/** Vega-Lite made to fill its panel, unless it says how large it is; views of several parts keep their own sizes. */
export function fitted(spec, width, height) {
  const whole = { ...spec };
  if (!whole.data) whole.data = { name: DATA };
  const isOne = !["hconcat", "vconcat", "concat", "repeat", "facet"].some((name) => whole[name]) && !["row", "column", "facet"].some((name) => whole.encoding?.[name]);
  if (!isOne) return whole;
  const isOpen = (size) => size === undefined || size === "container";
  if (isOpen(whole.width) || isOpen(whole.height)) whole.autosize ??= { type: "fit", contains: "padding" };
  if (isOpen(whole.width)) whole.width = width;
  if (isOpen(whole.height)) whole.height = height;
  return whole;
}

/** Whether runs are told apart by their colours, as the rows have them. */
const isByRun = ({ color }) => color?.field === "name" && color.scale?.range?.field === "color";

/** Vega-Lite whose lines have the dashes of their runs where these have their colours: a ninth run has the colour of the first. */
export function styled(spec, dashes, around = {}) {
  if (!spec || typeof spec !== "object") return spec;
  const whole = { ...spec };
  const encoding = { ...around, ...spec.encoding };
  for (const name of ["layer", "hconcat", "vconcat", "concat"]) if (Array.isArray(spec[name])) whole[name] = spec[name].map((one) => styled(one, dashes, encoding));
  if (spec.spec) whole.spec = styled(spec.spec, dashes, encoding);
  if ((spec.mark?.type ?? spec.mark) !== "line") return whole;
  const { color, strokeDash } = encoding;
  const legend = color?.field === "name" && color.legend === null ? null : { symbolSize: DASHED_SYMBOL };
  if (!strokeDash && isByRun(encoding)) whole.encoding = { ...spec.encoding, strokeDash: { field: "name", type: "nominal", scale: { range: { field: "_dash" } }, legend } };
  else if (strokeDash?.field === "name" && strokeDash.scale === undefined) whole.encoding = { ...spec.encoding, strokeDash: { legend, ...strokeDash, scale: { range: dashes } } };
  return whole;
}

/** A Vega document with the rows in it, rid of what reaches out of its panel. Throws a SpecError for what is not drawn at all. */
export function contained(spec, rows) {
  let nodes = 0;
  let isFed = false;
  const walk = (node, name) => {
    if (!node || typeof node !== "object") return;
    nodes += 1;
    if (nodes > MOST_NODES) throw new SpecError("vega too large");
    if (name === "data" && Array.isArray(node)) {
      for (const one of node) {
        if (one.url !== undefined || one.format?.type === "topojson") throw new SpecError("vega loads", { address: typeof one.url === "string" ? one.url.slice(0, 200) : String(one.name) });
        if (one.name !== DATA || one.values || one.source) continue;
        one.values = rows;
        isFed = true;
      }
    }
    if (Array.isArray(node)) node.forEach((one) => walk(one, ""));
    else {
      check(node, rows.length);
      for (const [key, inner] of Object.entries(node)) if (inner !== rows && key !== "values") walk(inner, key);
    }
  };
  walk(spec, "");
  for (const size of [spec.width, spec.height]) if (typeof size === "number" && size > MOST_PIXELS) throw new SpecError("vega too large");
  return { spec, isFed };
}

function check(node, rows) {
  const steps = node.type === "sequence" ? node : node.sequence;
  if (steps && typeof steps === "object") {
    const { start = 0, stop, step = 1 } = steps;
    if (![start, stop, step].every((one) => typeof one === "number") || !(Math.abs((stop - start) / step) <= MOST_SEQUENCE)) throw new SpecError("vega too large");
  }
  if (node.type === "cross" && rows > MOST_CROSSED) throw new SpecError("vega too large");
  // A control may not be put beside the panel, nor tied to a field of the page.
  if (node.bind && typeof node.bind === "object") {
    delete node.bind.element;
    if (!node.bind.input) delete node.bind;
  }
}
