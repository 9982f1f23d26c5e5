// What flows along the edges of the graph: on hover as a tip, when an edge is chosen (by click or by keyboard) as a line above the drawing
// that leads to producer and consumer.

import { make, makeSvg, text } from "./dom.js";

const CHANNEL = /^pipelinechannel--/; // what the SDK puts before names that it makes up

/** The name of an edge in addresses and elements. */
export function edgeKey({ source, target }) {
  return `${source}>${target}`;
}

/** The edge of that name, or null. */
export function findEdge(edges, key) {
  return edges.find((edge) => edgeKey(edge) === key) ?? null;
}

/** Edges that lead to a box, then those that leave it. */
export function edgesAt(edges, id) {
  return [...edges.filter(({ target }) => target === id), ...edges.filter(({ source }) => source === id)];
}

/** What flows along an edge, as far as it is known: [name, type, size] of each output. */
export function flowing(edge, marks) {
  return edge.labels.map((label) => {
    const [, kind, size] = marks.outputs[`${edge.source}#${label}`] ?? [];
    return [label.replace(CHANNEL, ""), kind ?? "", size ?? ""];
  });
}

function sentence(edge, marks) {
  return edge.words ? [edge.words] : flowing(edge, marks).map((parts) => parts.filter(Boolean).join(" · "));
}

/** A wide invisible line over a thin one, so that it can be hit and have the focus; its tip says what flows. */
export function hitLine(edge, path) {
  return makeSvg("path", { class: "edge-hit", d: path, role: "button", tabindex: "-1", "data-edge": edgeKey(edge), "data-source": edge.source, "data-target": edge.target }, makeSvg("title"));
}

/** Bring the tips and names of all edges up to what is known of the artifacts. */
export function tellEdges(svg, edges, marks, nameOf) {
  const known = new Map(edges.map((edge) => [edgeKey(edge), edge]));
  for (const path of svg.querySelectorAll(".edge-hit")) {
    const edge = known.get(path.dataset.edge);
    const lines = edge ? sentence(edge, marks) : [];
    const words = lines.length ? lines : [text("order only")];
    path.querySelector("title").textContent = words.join("\n");
    path.setAttribute("aria-label", `${nameOf(path.dataset.source)} → ${nameOf(path.dataset.target)}: ${words.join("; ")}`);
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
  const lines = sentence(edge, marks);
  place.replaceChildren(end(edge.source), " → ", end(edge.target), ": ", lines.length ? lines.join("; ") : text("order only"), " ",
    make("button", { class: "button ghost small", type: "button", onclick: close }, text("close")));
}
