// The dialog that adds a panel (by key, by pattern, by expression, or of another kind) or changes one.

import { make } from "./dom.js";
import { expression } from "./expressions.js";
import { fetchJson } from "./fetching.js";
import { presetOf, problemOf, VegaPanel } from "./panel_vega.js";
import { readSpec } from "./vega_spec.js";
import { why } from "./waiting.js";
import { say } from "./words.js";

const KINDS = ["line", "bar", "scatter", "parallel", "importance", "scalar", "comparer", "code", "media", "vega", "markdown"];
const FIELDS = {
  line: ["keys", "match", "expr", "x", "smoother", "smooth", "logX", "logY", "yMin", "yMax", "agg", "band", "legend", "limit"],
  bar: ["metric", "logX", "limit"], scatter: ["xColumn", "yColumn", "zColumn", "logX", "logY", "limit"], parallel: ["columns", "limit"], importance: ["metric"], scalar: ["metric", "agg"], comparer: [], code: [], media: ["media"], markdown: ["text"],
  vega: ["preset", "vega", "table", "keys", "columns", "fields", "strings"],
};
const LISTS = ["keys", "columns"];
const PAIRS = ["fields", "strings"];
const NUMBERS = ["smooth", "yMin", "yMax", "limit"];
const EXAMPLE = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json", data: { name: "wandb" }, title: "${string:title}", mark: { type: "point", tooltip: true },
  encoding: { x: { field: "${field:x}", type: "quantitative" }, y: { field: "${field:y}", type: "quantitative" }, color: { field: "name", scale: { range: { field: "color" } } } },
};
const CHOICES = {
  smoother: ["", "ema", "gaussian", "mean"], agg: ["", "mean", "median", "min", "max"], band: ["", "range", "std", "stderr", "none"], logX: ["", "yes", "no"], logY: ["", "yes", "no"],
};

let asked = 0;

/** Ask for a panel. `spec` null: a new one. Who asks twice before the dialog is there gets one. */
export async function editPanel(board, spec) {
  const mine = (asked += 1);
  const [{ columns = [] }, { presets = [] }] = await Promise.all([`columns?${board.source}`, `charts/presets?entity=${location.pathname.split("/")[1]}`]
    .map((address) => fetchJson(`/ui/tracking/${address}`).catch(() => ({}))));
  if (mine !== asked) return;
  const tables = board.auto.filter((one) => one.kind === "table" || one.table).map((one) => one.key);
  const lists = { keys: board.lineKeys(), columns, presets, tables, media: board.auto.filter((one) => one.kind !== "line").map((one) => one.key) };
  const form = make("form", { method: "dialog", class: "panel-form" });
  const dialog = make("dialog", { class: "panel-dialog", "aria-label": say(spec ? "edit panel" : "add panel") }, form);
  const fields = make("div", { class: "stack tight" });
  const problem = make("p", { class: "problem", role: "alert" });
  const isAuto = spec !== null && !board.document.value.extra[spec.id];
  const isMedia = spec !== null && !KINDS.includes(spec.kind);
  const kind = make("select", { name: "kind", id: "panel-kind", disabled: isAuto || isMedia }, ...KINDS.map((name) => make("option", { value: name }, say(`kind ${name}`))));
  kind.value = isMedia ? "media" : spec?.kind ?? "line";
  const show = () => {
    dialog.classList.toggle("is-wide", kind.value === "vega");
    fill();
  };
  const fill = () => fields.replaceChildren(...FIELDS[kind.value].filter((name) => !isAuto || !["keys", "match", "expr", "media"].includes(name)).map((name) => field(name, spec, lists)), ...(kind.value === "vega" ? [trial(form, board, lists)] : []));
  kind.addEventListener("change", show);
  show();
  form.append(make("h2", {}, say(spec ? "edit panel" : "add panel")),
    row("panel-title", say("title"), make("input", { type: "text", name: "title", id: "panel-title", value: spec?.title ?? "", maxlength: "200" })),
    row("panel-kind", say("kind"), kind), fields, problem,
    make("footer", {}, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("cancel")), make("button", { class: "button primary" }, say(spec ? "save" : "add"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      const wanted = readForm(form, kind.value, lists, board);
      if (spec) board.rearrange(() => board.document.edit(spec.id, wanted), spec.id);
      else board.document.add({ section: say("my panels"), ...wanted });
      dialog.close();
    } catch (error) {
      problem.textContent = problemOf(error);
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Put the specification of the preset that the form names into `area`, to be changed there. */
async function takePreset(area) {
  const problem = area.form.querySelector(".problem");
  try {
    area.value = JSON.stringify(await presetOf(area.form.elements.preset.value.trim()), null, 1);
    problem.textContent = "";
  } catch (error) {
    problem.textContent = why(error);
  }
}

/** A chart as the form describes it at the moment, before it becomes a panel. */
function trial(form, board, lists) {
  const place = make("div", { class: "vega-trial", hidden: true });
  let panel = null;
  const draw = () => {
    panel?.rest();
    place.hidden = false;
    try {
      panel = new VegaPanel(board, { id: "trial", ...readForm(form, "vega", lists, board) });
      place.replaceChildren(panel.element);
      panel.load();
      place.scrollIntoView({ block: "nearest" });
    } catch (error) {
      place.replaceChildren(make("p", { class: "problem", role: "alert" }, problemOf(error)));
    }
  };
  return make("div", { class: "stack tight" }, make("button", { class: "button small", type: "button", onclick: draw }, say("vega try")), place);
}

function row(id, label, input, hint = "") {
  return make("div", { class: "field" }, make("label", { for: id }, label), input, hint ? make("span", { class: "hint" }, hint) : "");
}

function field(name, spec, lists) {
  const id = `panel-${name}`;
  const given = spec?.[name];
  if (CHOICES[name]) {
    const select = make("select", { name, id }, ...CHOICES[name].map((value) => make("option", { value }, value ? say(`choice ${value}`) : say("as workspace"))));
    select.value = typeof given === "boolean" ? (given ? "yes" : "no") : given ?? "";
    return row(id, say(`field ${name}`), select);
  }
  if (name === "vega" || name === "text") {
    const isNotes = name === "text";
    const area = make("textarea", { name, id, rows: "12", class: isNotes ? "" : "mono", spellcheck: isNotes ? "true" : "false", maxlength: isNotes ? "50000" : "200000", autocomplete: "off" });
    area.value = given ?? (isNotes || spec?.preset ? "" : JSON.stringify(EXAMPLE, null, 1));
    const whole = row(id, say(`field ${name}`), area, say(isNotes ? "markdown hint" : "vega hint"));
    if (!isNotes) {
      whole.classList.add("vega-text");
      whole.append(make("button", { class: "button small", type: "button", onclick: () => takePreset(area) }, say("vega take")));
    }
    return whole;
  }
  const isList = [...LISTS, ...PAIRS].includes(name);
  const value = Array.isArray(given) ? given.join(", ") : PAIRS.includes(name) ? Object.entries(given ?? {}).map((pair) => pair.join("=")).join(", ") : given ?? (name === "keys" && spec?.kind === "line" && spec.key ? spec.key : "");
  const options = name === "keys" || name === "x" ? lists.keys : name === "media" ? lists.media : name === "table" ? lists.tables : name === "preset" ? lists.presets : ["metric", "xColumn", "yColumn", "zColumn", "columns"].includes(name) ? lists.columns : [];
  const list = make("datalist", { id: `${id}-list` }, ...options.slice(0, 500).map((option) => make("option", { value: option })));
  const isNumber = NUMBERS.includes(name);
  const bounds = name === "limit" ? { min: "1", max: "1000", step: "1" } : { step: isNumber ? "any" : null };
  const input = make("input", { type: isNumber ? "number" : "text", ...bounds, name, id, value, list: options.length ? `${id}-list` : null, autocomplete: "off" });
  return make("div", {}, row(id, say(`field ${name}`), input, PAIRS.includes(name) ? say("pairs", { example: name === "fields" ? "x=c.lr" : "title=Loss" }) : isList ? say("separated by commas") : name === "expr" ? "${train/loss} / ${val/loss}" : name === "legend" ? "${run} ${config:lr} ${key}" : name === "limit" ? say("limit hint") : ""), list);
}

/** The panel that the form describes. Throws an Error that says what is missing. */
function readForm(form, kind, lists, board) {
  const data = new FormData(form);
  const text = (name) => String(data.get(name) ?? "").trim();
  const wanted = { kind, title: text("title") || null };
  for (const name of FIELDS[kind]) {
    const value = text(name);
    if (!data.has(name)) continue;
    if (PAIRS.includes(name)) wanted[name] = pairsOf(value);
    else if (LISTS.includes(name)) wanted[name] = value ? value.split(",").map((part) => part.trim()).filter(Boolean) : null;
    else if (NUMBERS.includes(name)) wanted[name] = value === "" ? null : Number(value);
    else if (["logX", "logY"].includes(name)) wanted[name] = value === "" ? null : value === "yes";
    else wanted[name] = value || null;
  }
  if (kind === "media") {
    const found = board.auto.find((one) => one.key === wanted.media);
    if (!found) throw new Error(say("name a key"));
    return { ...found, id: undefined, section: say("my panels"), title: wanted.title ?? found.title };
  }
  if (wanted.expr) expression(wanted.expr);
  if (wanted.match) RegExp(wanted.match);
  if (kind === "line" && data.has("keys") && !wanted.keys && !wanted.match && !wanted.expr) throw new Error(say("name a key"));
  if (["bar", "importance", "scalar"].includes(kind) && !wanted.metric) throw new Error(say("name a key"));
  if (kind === "scatter" && !(wanted.xColumn && wanted.yColumn)) throw new Error(say("name a key"));
  if (kind === "parallel" && (wanted.columns ?? []).length < 2) throw new Error(say("two columns"));
  if (kind === "markdown" && !wanted.text) throw new Error(say("text needed"));
  if (kind === "vega") checkVega(wanted);
  wanted.title ??= titleOf(kind, wanted);
  return wanted;
}

/** `x=loss, y=acc` as an object; a column is named as the chart's rows have it. */
function pairsOf(text) {
  const pairs = text.split(",").map((part) => part.split("=").map((word) => word.trim())).filter(([name, value]) => name && value);
  return pairs.length ? Object.fromEntries(pairs.map(([name, ...value]) => [name, value.join("=")])) : null;
}

function checkVega(wanted) {
  if (wanted.vega) readSpec(wanted.vega);
  else if (!wanted.preset) throw new Error(say("vega needed"));
  if (!wanted.table && !wanted.keys && !wanted.columns) throw new Error(say("vega no data"));
  wanted.fields = wanted.fields && Object.fromEntries(Object.entries(wanted.fields).map(([name, column]) => [name, column.replace(/^[cs]\./, "")]));
}

function titleOf(kind, wanted) {
  const plain = (column) => column?.replace(/^[cs]\./, "");
  if (kind === "scatter") return `${plain(wanted.yColumn)} / ${plain(wanted.xColumn)}`;
  if (kind === "bar" || kind === "scalar") return plain(wanted.metric);
  if (kind === "importance") return `${say("kind importance")}: ${plain(wanted.metric)}`;
  if (kind === "vega") return wanted.strings?.title ?? (wanted.vega ? say("kind vega") : wanted.preset);
  return kind === "line" ? null : say(`kind ${kind}`);
}

/** Ask for one text, with proposals, and give it to `work`; when that fails, the dialog says why and keeps what was typed. */
export function askText(board, label, value, proposals, work) {
  const input = make("input", { type: "text", id: "asked-text", value, list: "asked-list", required: true, maxlength: "120", autocomplete: "off" });
  const problem = make("p", { class: "problem", role: "alert" });
  const form = make("form", { method: "dialog" }, row("asked-text", label, input), make("datalist", { id: "asked-list" }, ...proposals.map((one) => make("option", { value: one }))), problem,
    make("footer", {}, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("cancel")), make("button", { class: "button primary" }, say("save"))));
  const dialog = make("dialog", { "aria-label": label }, form);
  let isSent = false; // what a second click would do a second time
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSent) return;
    isSent = true;
    problem.textContent = "";
    try {
      await work(input.value.trim());
      dialog.close();
    } catch (error) {
      problem.textContent = why(error);
      isSent = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.select();
}
