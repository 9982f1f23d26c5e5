// Drawings of Vega and Vega-Lite specifications. The libraries come when the first one is wanted. Specifications are strangers' input:
// expressions are interpreted, never compiled to code; nothing is loaded from an address; links lead nowhere; timers do not run.

import { contained, filled, fitted, isPlainVega, styled } from "./vega_fill.js";

let libraries = null;

// Addresses that are put together are not among those a page names in its head: most pages never need these files.
const vendored = (name) => import(new URL(`../vendor/${name}`, import.meta.url).href);

/** The libraries, once they are here. */
function canDrawVega() {
  libraries ??= load().catch((error) => {
    libraries = null;
    throw error;
  });
  return libraries;
}

async function load() {
  await vendored("vega.min.js");
  const [{ expressionInterpreter }] = await Promise.all([vendored("vega-interpreter.js"), vendored("vega-lite.min.js")]);
  return { vega: globalThis.vega, lite: globalThis.vegaLite, interpreter: expressionInterpreter };
}

const refuse = async () => {
  throw new Error("nothing is loaded from an address");
};
const LOADER = {
  load: refuse, http: refuse, file: refuse,
  sanitize: async (address, options) => (options?.context === "image" && /^data:image\/(png|jpeg|gif|webp);/i.test(address) ? { href: address } : refuse()),
};
const EVENTS = { defaults: { prevent: false }, selector: false, timer: false };

/** Height of a name in a legend, in pixels; those for which there is no room are counted below the others. */
const LEGEND_ROW = 15;

/** How axes, legends and marks look in the theme. */
function themed(colors, height) {
  const words = { labelColor: colors.text, titleColor: colors.text };
  return {
    background: null, font: colors.font.replace(/^\S+\s/, ""), view: { stroke: null }, title: { color: colors.text, subtitleColor: colors.text },
    axis: { ...words, domainColor: colors.faint, tickColor: colors.faint, gridColor: colors.line }, legend: { ...words, symbolLimit: Math.max(4, Math.floor(height / LEGEND_ROW) - 2) }, header: words,
    range: { category: colors.series }, mark: { color: colors.series[0] }, text: { fill: colors.text, color: colors.text }, style: { cell: { stroke: null } },
  };
}

/** What Vega says while it works. */
function listener() {
  const told = { errors: [], warnings: [] };
  const log = {
    level: () => log, debug: () => log, info: () => log,
    warn: (...words) => note(told.warnings, words), error: (...words) => note(told.errors, words),
  };
  const note = (list, words) => {
    if (list.length < 20) list.push(words.map((word) => word?.message ?? String(word)).join(" ").slice(0, 400));
    return log;
  };
  return { log, told };
}

/** Draw a specification over rows in `place`; the view, and what was odd about it. Throws what stands in the way. */
export async function drawVega(place, spec, { rows, columns, settings, colors, dashes, description, width, height }) {
  const { vega, lite, interpreter } = await canDrawVega();
  if (!place.isConnected) return null;
  const { log, told } = listener();
  const whole = filled(spec, { ...settings, columns });
  // The panel has its name above it already.
  if (whole.title === settings.title) delete whole.title;
  const isVega = isPlainVega(whole);
  const config = themed(colors, height);
  const compiled = isVega ? { autosize: { type: "fit", contains: "padding" }, width, height, ...whole } : lite.compile(fitted(styled(whole, dashes), width, height), { config, logger: log }).spec;
  // Copies: Vega writes marks of its own on what it is given.
  const { spec: safe, isFed } = contained(structuredClone(compiled), rows.map((row) => ({ ...row })));
  safe.description ||= description;
  safe.config = { ...(isVega ? vega.mergeConfig(config, safe.config ?? {}) : safe.config), events: EVENTS };
  const view = new vega.View(vega.parse(safe, null, { ast: true }), { expr: interpreter, loader: LOADER, logger: log, renderer: "canvas", container: place, hover: true });
  try {
    view.run();
  } catch (error) {
    told.errors.push(error.message);
  }
  if (told.errors.length) {
    view.finalize();
    throw new Error(told.errors[0]);
  }
  return { view, warnings: told.warnings, isFed };
}
