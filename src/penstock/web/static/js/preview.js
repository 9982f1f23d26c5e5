// Figures, Vega charts and things in space in previews of files: fetched from where the page says, drawn from the numbers that are in them.

import "./sift.js";
import "./swipe.js";

import { make } from "./dom.js";
import { figure } from "./figure.js";
import { imageElement, layersOf, viewer } from "./image.js";
import { themeColors } from "./theme.js";
import { drawVega } from "./vega_drawing.js";
import { ask, waitAt } from "./waiting.js";
import { say } from "./words.js";

const HEIGHT = 360;

async function documentAt(address, signal) {
  const answer = await ask(address, { signal });
  return JSON.parse(await answer.text());
}

async function draw(place) {
  const drawn = await waitAt(place, async (signal) => {
    const found = await documentAt(place.dataset.figure, signal);
    try {
      return figure(found, place.dataset.label);
    } catch {
      return make("p", { class: "banner info", role: "status" }, say("vega failed"));
    }
  }, () => draw(place));
  if (drawn) place.replaceChildren(drawn);
  else place.querySelector(":scope > .skeleton")?.remove();
}

/** A solid, a cloud or a molecule; a file that is none after all stays what its text or its size says below. */
async function drawSpace(place) {
  const { space, name, label } = place.dataset;
  const drawn = await waitAt(place, async (signal) => {
    const bytes = await (await ask(space, { signal })).arrayBuffer();
    const { spaceOf } = await import(new URL("./in_space.js", import.meta.url).href);
    try {
      return spaceOf(bytes, name, label);
    } catch (error) {
      return make("p", { class: "muted" }, [error.told, say("space not drawn")].filter(Boolean).join(" · "));
    }
  }, () => drawSpace(place));
  if (drawn) place.replaceChildren(drawn);
  else place.querySelector(":scope > .skeleton")?.remove();
}

/** A chart that a file describes. It brings its own data; what it would load from elsewhere is refused with a reason. */
async function drawChart(place) {
  const words = JSON.parse(place.dataset.texts);
  const stage = make("div", { class: "vega-place" });
  try {
    const spec = await waitAt(place, (signal) => documentAt(place.dataset.vega, signal), () => drawChart(place));
    place.querySelector(":scope > .skeleton")?.remove();
    if (!spec) return;
    place.replaceChildren(stage);
    const drawn = await drawVega(stage, spec, { rows: [], columns: [], settings: {}, colors: themeColors(), description: place.dataset.label, width: Math.max(160, Math.min(900, place.clientWidth - 4)), height: HEIGHT });
    place.view?.finalize();
    place.view = drawn?.view;
  } catch (error) {
    const why = (words[error.key] ?? error.message).replace(/\{(\w+)\}/g, (whole, name) => error.values?.[name] ?? whole);
    place.replaceChildren(make("p", { class: "banner info", role: "status" }, `${words["vega failed"]} ${why}`));
  }
}

const path = (text) => text.split("/").map(encodeURIComponent).join("/");

/** Pictures in the cells of a table get their masks and boxes, which are switched above the table by name. */
function dress(table) {
  const cells = [...table.querySelectorAll("[data-picture]")].map((link) => ({ place: link.parentElement, one: JSON.parse(link.dataset.picture), beside: link.dataset.beside }));
  const names = new Set(cells.flatMap(({ one }) => layersOf(one)));
  if (!names.size) return;
  const hidden = new Set();
  const show = () => {
    for (const { place, one, beside } of cells) place.replaceChildren(imageElement(one, (name) => beside + path(name), hidden));
  };
  const toggles = [...names].map((name) => make("label", { class: "check small" }, make("input", { type: "checkbox", checked: true, onchange: (event) => {
    hidden[event.target.checked ? "delete" : "add"](name);
    show();
  } }), name));
  table.prepend(make("div", { class: "row wrapping media-layers" }, ...toggles));
  show();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const one = JSON.parse(link.dataset.picture);
  const { source, download, beside } = link.dataset;
  viewer({ ...one, download }, (name) => source ?? beside + path(name), new Set(), one.path.split("/").pop());
});

/** Give the previews below `root` what script adds to them. */
export function startPreviews(root) {
  const texts = [...root.querySelectorAll("[data-reader]")];
  if (texts.length) import(new URL("./reader.js", import.meta.url).href).then(({ Reader }) => texts.forEach((place) => new Reader(place)));
  for (const link of root.querySelectorAll("[data-picture]")) link.setAttribute("aria-haspopup", "dialog");
  for (const table of root.querySelectorAll("[data-sift]")) dress(table);
  for (const place of root.querySelectorAll("[data-figure]")) draw(place);
  for (const place of root.querySelectorAll("[data-space]")) drawSpace(place);
  for (const place of root.querySelectorAll("[data-vega]")) drawChart(place);
}
startPreviews(document);
document.addEventListener("penstock:theme", () => setTimeout(() => {
  for (const place of document.querySelectorAll("[data-vega]")) drawChart(place);
}, 50));
