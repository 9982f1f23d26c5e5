// The edges of the graph as a table below it: from where to where, and what flows along each. Made while it is open.

import { make, text } from "./dom.js";
import { edgeKey, flowing } from "./graph_edges.js";

const MOST = 1000;

/** Bring the table up to the drawing; `hrefOf` is the address of a task, or null; `show` chooses an edge in the drawing. */
export function listEdges(place, edges, marks, { nameOf, hrefOf, show }) {
  if (!place?.open) return;
  const words = JSON.stringify([edges.map((edge) => [edgeKey(edge), nameOf(edge.source), nameOf(edge.target), flowing(edge, marks)])]);
  const body = place.querySelector("tbody");
  if (body.dataset.shows === words) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.edgeShow : null;
  body.dataset.shows = words;
  const end = (id) => (hrefOf(id) ? make("a", { class: "quiet", href: hrefOf(id), "data-task-link": "" }, nameOf(id)) : nameOf(id));
  const rows = edges.slice(0, MOST).flatMap((edge) => {
    const outputs = flowing(edge, marks);
    return (outputs.length ? outputs : [[text("order only"), "", ""]]).map(([name, kind, size]) => make("tr", {},
      make("th", { scope: "row" }, end(edge.source)), make("td", {}, end(edge.target)), make("td", {}, name), make("td", {}, kind), make("td", { class: "num" }, size),
      make("td", {}, make("button", { class: "button ghost small", type: "button", "data-edge-show": edgeKey(edge), onclick: () => show(edge), "aria-label": `${text("show in graph")}: ${nameOf(edge.source)} → ${nameOf(edge.target)}` }, text("show in graph")))));
  });
  body.replaceChildren(...rows);
  const note = place.querySelector("[data-left-out]");
  note.hidden = edges.length <= MOST;
  note.querySelector(".num").textContent = String(edges.length - MOST);
  if (focused) body.querySelector(`[data-edge-show="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
