// Figures and Vega charts in previews of files: fetched from where the page says, drawn from the numbers that are in them.

import "./sift.js";

import { make } from "./dom.js";
import { figure } from "./figure.js";
import { themeColors } from "./theme.js";
import { drawVega } from "./vega_drawing.js";

const HEIGHT = 360;
const texts = () => JSON.parse(document.getElementById("chart-messages")?.textContent ?? "{}");

async function documentAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(String(answer.status));
  return JSON.parse(await answer.text());
}

async function draw(place) {
  try {
    place.replaceChildren(figure(await documentAt(place.dataset.figure), place.dataset.label));
  } catch {
    place.replaceChildren(make("p", { class: "muted" }, texts().failed ?? "This could not be loaded."));
  }
}

/** A chart that a file describes. It brings its own data; what it would load from elsewhere is refused with a reason. */
async function drawChart(place) {
  const words = JSON.parse(place.dataset.texts);
  const stage = make("div", { class: "vega-place" });
  try {
    const spec = await documentAt(place.dataset.vega);
    place.replaceChildren(stage);
    const drawn = await drawVega(stage, spec, { rows: [], columns: [], settings: {}, colors: themeColors(), description: place.dataset.label, width: Math.max(160, Math.min(900, place.clientWidth - 4)), height: HEIGHT });
    place.view?.finalize();
    place.view = drawn?.view;
  } catch (error) {
    const why = (words[error.key] ?? error.message).replace(/\{(\w+)\}/g, (whole, name) => error.values?.[name] ?? whole);
    place.replaceChildren(make("p", { class: "banner info", role: "status" }, `${words["vega failed"]} ${why}`));
  }
}

for (const place of document.querySelectorAll("[data-figure]")) draw(place);
for (const place of document.querySelectorAll("[data-vega]")) drawChart(place);
document.addEventListener("penstock:theme", () => setTimeout(() => {
  for (const place of document.querySelectorAll("[data-vega]")) drawChart(place);
}, 50));
