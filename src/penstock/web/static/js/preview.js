// Figures in previews of files: fetched from where the page says, drawn from their numbers.

import "./sift.js";

import { make } from "./dom.js";
import { figure } from "./figure.js";

const texts = () => JSON.parse(document.getElementById("chart-messages")?.textContent ?? "{}");

async function draw(place) {
  try {
    const answer = await fetch(place.dataset.figure);
    if (!answer.ok) throw new Error(String(answer.status));
    place.replaceChildren(figure(JSON.parse(await answer.text()), place.dataset.label));
  } catch {
    place.replaceChildren(make("p", { class: "muted" }, texts().failed ?? "This could not be loaded."));
  }
}

for (const place of document.querySelectorAll("[data-figure]")) draw(place);
