// Drawings of the client's own kinds (`wandb.plot.*`): a confusion matrix with shares, chosen classes and the logged rows behind a cell; curves
// with areas and a marker; bars, lines and points.

import { make } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { figure } from "./figure.js";
import { show } from "./visuals.js";
import { say } from "./words.js";

const MOST_ROWS = 200;
const path = (text) => text.split("/").map(encodeURIComponent).join("/");

/** An element for the table of a plot; `behind(classes)` finds logged rows that have a true and a predicted class. */
export function plotElement(plot, answer, label, behind) {
  if (plot.kind === "confusion_matrix") return matrix(plot, answer, label, behind);
  return figure(plotOf(plot, answer), label, { isCurves: plot.kind === "area-under-curve" });
}

const columnOf = ({ fields }, { columns, rows }, name) => {
  const at = columns.indexOf(fields[name] ?? name);
  return at < 0 ? null : rows.map((row) => row[at]);
};

/** A drawing as traces over the columns of its table. */
function plotOf(plot, answer) {
  const { kind, fields } = plot;
  const { columns } = answer;
  const column = (name) => columnOf(plot, answer, name);
  const layout = { title: { text: fields.title ?? "" }, xaxis: { title: { text: fields["x-axis"] ?? fields.xname ?? fields.x ?? "" } }, yaxis: { title: { text: fields["y-axis"] ?? fields.y ?? "" } } };
  if (kind === "bar") return { data: [{ type: "bar", x: column("label"), y: column("value") }], layout };
  if (kind === "histogram") return { data: [{ type: "histogram", x: column("value") }], layout };
  const [x, y] = [column(fields.x && columns.includes(fields.x) ? fields.x : fields.step ?? "x"), column(fields.y && columns.includes(fields.y) ? fields.y : fields.lineVal ?? "y")];
  const names = column(fields.class ?? fields.lineKey ?? fields.stroke ?? "class");
  const groups = new Map();
  (y ?? []).forEach((value, i) => {
    const name = String(names?.[i] ?? "");
    if (!groups.has(name)) groups.set(name, { type: "scatter", mode: kind === "scatter" ? "markers" : "lines", name, x: [], y: [] });
    groups.get(name).x.push(x?.[i] ?? i);
    groups.get(name).y.push(value);
  });
  return { data: [...groups.values()], layout };
}

function matrix(plot, answer, label, behind) {
  const [actual, predicted, counts] = ["Actual", "Predicted", "nPredictions"].map((name) => columnOf(plot, answer, name) ?? []);
  const classes = [...new Set([...actual, ...predicted].map(String))];
  const count = new Map(counts.map((value, i) => [`${classes.indexOf(String(actual[i]))}/${classes.indexOf(String(predicted[i]))}`, Number(value) || 0]));
  const modes = make("select", { class: "medium", "data-matrix-mode": true, "aria-label": say("values shown") }, make("option", { value: "count" }, say("counts")), make("option", { value: "row" }, say("share true")), make("option", { value: "column" }, say("share predicted")));
  const chosen = classes.length > 2 ? make("input", { class: "medium", type: "search", "data-matrix-classes": true, placeholder: say("classes"), "aria-label": say("classes shown"), autocomplete: "off" }) : "";
  const rows = classes.map((name, y) => make("tr", {}, make("th", { scope: "row" }, name), ...classes.map((other, x) => make("td", { "data-count": String(count.get(`${y}/${x}`) ?? 0), "data-pair": `${y}/${x}` }))));
  const box = make("div", { class: "stack tight", "data-matrix": true }, plot.fields.title ? make("p", { class: "small figure-title" }, plot.fields.title) : "", make("div", { class: "row wrapping matrix-tools" }, modes, chosen),
    make("div", { class: "matrix-box", tabindex: "0", role: "region", "aria-label": label }, make("table", { class: "matrix" }, make("thead", {}, make("tr", {}, make("td", { class: "corner small faint" }, say("true and predicted")), ...classes.map((name) => make("th", { scope: "col" }, make("span", {}, name))))), make("tbody", {}, ...rows))));
  show(box);
  behind(classes).then((found) => {
    if (!found) return;
    for (const cell of box.querySelectorAll("td[data-pair]")) {
      const [y, x] = cell.dataset.pair.split("/").map(Number);
      cell.replaceChildren(make("button", { class: "plain-button", type: "button", title: say("rows of", { true: classes[y], predicted: classes[x] }), onclick: () => list(found, classes[y], classes[x]) }));
    }
    show(box);
  }).catch(() => {});
  return box;
}

/**
 * The newest logged table of the run with a column of true classes and one of predicted ones; null where there is none. Columns are known by
 * holding nothing but the classes, and by their names where more than two do.
 */
export async function rowsBehind(board, run, classes) {
  const known = new Set(classes);
  for (const { spec } of board.panels.filter((panel) => panel.spec.kind === "table" && !panel.spec.plot)) {
    const { values } = await fetchJson(`/ui/tracking/runs/${run}/media?key=${encodeURIComponent(spec.key)}`);
    const value = values.at(-1)?.value;
    if (!value?.path) continue;
    const address = `/ui/tracking/runs/${run}/table/${path(value.path)}?ref=${encodeURIComponent(value.artifact_path ?? "")}`;
    const { columns, rows } = await fetchJson(address);
    const fitting = columns.flatMap((name, at) => (rows.length && rows.every((row) => known.has(String(row[at]))) ? [{ name, at }] : []));
    const predicted = fitting.find(({ name }) => /pred|guess|y_?hat/i.test(name)) ?? fitting[1];
    const actual = fitting.find((one) => one !== predicted && /act|tru|label|target/i.test(one.name)) ?? fitting.find((one) => one !== predicted);
    if (actual && predicted) return { key: spec.key, address, columns, actual: actual.at, predicted: predicted.at };
  }
  return null;
}

/** Rows of one cell, in a dialog. */
async function list(found, actual, predicted) {
  const held = [];
  let from = 0;
  let count = 1;
  let size = 0;
  while (from < count && held.length < MOST_ROWS && size < 50) {
    const answer = await fetchJson(`${found.address}&${new URLSearchParams({ q: actual, from })}`);
    held.push(...answer.rows.filter((row) => String(row[found.actual]) === actual && String(row[found.predicted]) === predicted));
    count = answer.matching ?? answer.count;
    from += answer.rows.length || count;
    size += 1;
  }
  const title = say("rows of", { true: actual, predicted });
  const cells = (row) => row.map((cell) => make("td", { class: typeof cell === "number" ? "num" : "cut" }, cell === null ? "" : typeof cell === "object" ? (cell.path ?? JSON.stringify(cell)) : String(cell)));
  const dialog = make("dialog", { class: "chart-dialog", "aria-label": title }, make("div", { class: "body stack" }, make("h2", { class: "cut" }, title),
    make("p", { class: "small muted num" }, `${found.key} · ${say("rows", { shown: Math.min(held.length, MOST_ROWS), count: from < count ? `${held.length}+` : held.length })}`),
    make("div", { class: "table-box matrix-rows", tabindex: "0", role: "region", "aria-label": title }, make("table", { class: "table compact plain-rows" }, make("thead", {}, make("tr", {}, ...found.columns.map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...held.slice(0, MOST_ROWS).map((row) => make("tr", {}, ...cells(row)))))),
    make("footer", {}, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("close")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
