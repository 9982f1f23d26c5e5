// What flows along the edges of the graph: on hover as a tip, after a click as a line above the drawing that leads to producer and consumer.

import { make, makeSvg, text } from "./dom.js";

/** One line per output that flows along an edge: name, type and size, as far as they are known. */
function flowing(edge, marks) {
  return edge.labels.map((label) => {
    const [, kind, size] = marks.outputs[`${edge.source}#${label}`] ?? [];
    return [label, kind, size].filter(Boolean).join(" · ");
  });
}

/** A wide invisible line over a thin one, so that it can be hit; its tip says what flows. */
export function hitLine(edge, path) {
  return makeSvg("path", { class: "edge-hit", d: path, "data-source": edge.source, "data-target": edge.target }, makeSvg("title"));
}

/** Bring the tips of all edges up to what is known of the artifacts. */
export function tellEdges(svg, edges, marks) {
  for (const path of svg.querySelectorAll(".edge-hit")) {
    const edge = edges.find(({ source, target }) => source === path.dataset.source && target === path.dataset.target);
    const lines = edge ? flowing(edge, marks) : [];
    path.querySelector("title").textContent = lines.length ? lines.join("\n") : text("order only");
  }
}

/** Show the chosen edge as a line with its two ends as buttons, or nothing. */
export function showEdge(place, edge, marks, nameOf, { go, close }) {
  if (!place) return;
  place.hidden = !edge;
  if (!edge) {
    place.replaceChildren();
    return;
  }
  const end = (id) => make("button", { class: "link", type: "button", onclick: () => go(id) }, nameOf(id));
  const lines = flowing(edge, marks);
  place.replaceChildren(end(edge.source), " → ", end(edge.target), ": ", lines.length ? lines.join("; ") : text("order only"), " ",
    make("button", { class: "button ghost small", type: "button", onclick: close }, text("close")));
}
