// Drawings of artifacts: a confusion matrix as counts or shares of its rows or columns, for chosen classes; ROC curves switched on and off
// and followed by threshold. One listener for all of them, since panels bring theirs later.

import "./packing.js";

const number = (value) => String(Number(value.toPrecision(4)));
const percent = (value) => `${(value * 100).toFixed(1)} %`;

/** Write the cells of a matrix as counts, or as shares of their rows or columns. */
export function show(box) {
  const mode = box.querySelector("[data-matrix-mode]").value;
  const rows = [...box.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")]);
  const counts = rows.map((cells) => cells.map((cell) => Number(cell.dataset.count)));
  const sum = (values) => values.reduce((all, value) => all + value, 0);
  const most = Math.max(...counts.flat(), 0) || 1;
  const columns = (counts[0] ?? []).map((_, at) => sum(counts.map((row) => row[at] ?? 0)));
  rows.forEach((cells, y) => {
    const total = sum(counts[y]);
    cells.forEach((cell, x) => {
      const whole = mode === "row" ? total : columns[x];
      const share = mode === "count" ? counts[y][x] / most : whole ? counts[y][x] / whole : 0;
      (cell.querySelector("button") ?? cell).textContent = mode === "count" ? number(counts[y][x]) : percent(share);
      cell.className = `heat-${Math.round(share * 10)}`;
    });
  });
}

/** Show only the classes whose names contain one of the words; all without words. */
function sift(box) {
  const words = box.querySelector("[data-matrix-classes]").value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
  const fits = (name) => !words.length || words.some((word) => name.toLowerCase().includes(word));
  const heads = [...box.querySelectorAll("thead th")];
  for (const head of heads) head.hidden = !fits(head.textContent);
  for (const row of box.querySelectorAll("tbody tr")) {
    row.hidden = !fits(row.querySelector("th").textContent);
    [...row.querySelectorAll("td")].forEach((cell, at) => { cell.hidden = heads[at]?.hidden ?? false; });
  }
}

const pointsOf = (curve) => JSON.parse(curve.dataset.points);
/** Thresholds come as texts; the first may be infinite. */
const valueOf = (threshold) => (/inf/i.test(threshold) ? Infinity : Number(threshold));

/** Mark the point of the slider on the first curve shown, and on the others the one whose threshold is nearest; say their rates. */
function follow(figure) {
  const slider = figure.querySelector("[data-roc-threshold]");
  if (!slider) return; // curves of precision have no thresholds
  const shown = [...figure.querySelectorAll("[data-curve]")].filter((curve) => !curve.classList.contains("is-off"));
  const told = shown.filter((curve) => !Number.isNaN(valueOf(pointsOf(curve)[0][2])));
  const curves = told.length ? told : shown; // curves that a client logged come without thresholds
  for (const mark of figure.querySelectorAll("[data-roc-mark]")) mark.setAttribute("visibility", "hidden");
  const output = figure.querySelector("output");
  if (!curves.length) {
    output.textContent = "";
    return;
  }
  const leading = pointsOf(curves[0]);
  const chosen = leading[Math.round((Number(slider.value) / 1000) * (leading.length - 1))];
  const wanted = chosen[2];
  const said = curves.map((curve, at) => {
    const far = ([, , threshold]) => (threshold === wanted ? -1 : Math.abs(valueOf(threshold) - valueOf(wanted)));
    const points = at ? pointsOf(curve) : [chosen];
    const [rate, recall] = points.reduce((best, point) => (far(point) < far(best) ? point : best));
    const mark = figure.querySelector(`[data-roc-mark="${curve.dataset.curve}"]`);
    mark.setAttribute("cx", rate * 220);
    mark.setAttribute("cy", 220 - recall * 220);
    mark.setAttribute("visibility", "visible");
    return `${curves.length > 1 ? `${curve.dataset.name}: ` : ""}FPR ${number(rate)}, TPR ${number(recall)}`;
  });
  output.textContent = `${slider.dataset.word} ${wanted}: ${said.join(" · ")}`;
}

/** Drawings follow their controls, which were set before this module came or have outlived a patch of the page. */
function keepUp() {
  for (const box of document.querySelectorAll("[data-matrix]")) keepUpOne(box);
}

function keepUpOne(box) {
  const mode = box.querySelector("[data-matrix-mode]");
  if (mode.value !== mode.options[0].value) show(box);
  if (box.querySelector("[data-matrix-classes]")?.value) sift(box);
}
keepUp();
document.addEventListener("penstock:patched", keepUp);

document.addEventListener("input", (event) => {
  const matrix = event.target.closest?.("[data-matrix]");
  if (event.target.matches?.("[data-matrix-mode]")) show(matrix);
  else if (event.target.matches?.("[data-matrix-classes]")) sift(matrix);
  else if (event.target.matches?.("[data-roc-threshold]")) follow(event.target.closest("figure"));
});

const CHOICES = ["data-matrix-mode", "data-matrix-classes"];

/** Give a matrix the values and classes of `chosen`, and write there what is chosen later: it is drawn anew at another step. */
export function keepChoices(box, chosen) {
  for (const name of CHOICES) {
    const control = box.querySelector(`[${name}]`);
    if (!control) continue;
    if (chosen[name]) control.value = chosen[name];
    control.addEventListener("input", () => { chosen[name] = control.value; });
  }
  keepUpOne(box);
}

/** Matrices side by side show the same values and classes, so that like is compared with like: all of a comparison, those of a panel else. */
document.addEventListener("input", (event) => {
  const name = CHOICES.find((one) => event.target.matches?.(`.shelf [${one}], .media-side [${one}]`));
  if (!name) return;
  const place = document.getElementById("side-by-side") ? document : event.target.closest(".media-side") ?? document;
  for (const other of place.querySelectorAll(`.shelf [${name}], .media-side [${name}]`)) {
    if (other === event.target || other.value === event.target.value) continue;
    other.value = event.target.value;
    other.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-roc-curve]");
  if (!button) return;
  const figure = button.closest("figure");
  const isOff = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!isOff));
  for (const part of figure.querySelectorAll(`[data-curve="${button.dataset.rocCurve}"], [data-of-curve="${button.dataset.rocCurve}"]`)) part.classList.toggle("is-off", isOff);
  follow(figure);
});
