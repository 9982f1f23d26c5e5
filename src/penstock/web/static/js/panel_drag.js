// Dragging of panels: by the head to another place, by the corner to another size. The panel's menu does the same for keyboards.

import { make } from "./dom.js";

/** Let the panels below `root` be dragged; `board.document` learns where they were put. The place is marked, and nothing moves under the hand. */
export function letDrag(root, board) {
  let dragged = null;
  let place = null;
  const mark = (next) => {
    place?.marked.classList.remove("is-drop-before", "is-drop-after", "is-drop-into");
    place = next;
    place?.marked.classList.add(place.look);
  };
  const done = () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    mark(null);
  };
  root.addEventListener("dragstart", (event) => {
    const figure = event.target.closest?.("[data-panel]");
    if (!figure || !event.target.matches(".chart-head")) return;
    dragged = figure;
    figure.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", figure.dataset.panel);
  });
  root.addEventListener("dragover", (event) => {
    const section = event.target.closest?.(".panel-section");
    if (!dragged || !section) return;
    event.preventDefault();
    mark(placeAt(event, section, dragged));
  });
  root.addEventListener("drop", (event) => {
    if (!dragged || !place) return done();
    event.preventDefault();
    const { section, before } = place;
    const id = dragged.dataset.panel;
    done();
    board.rearrange(() => board.document.put(board.listed(), id, section, before?.dataset.panel ?? null));
    return undefined;
  });
  root.addEventListener("dragend", done);
}

/** What a panel that is let go of here comes before, and what is marked; null where it would stay. */
function placeAt(event, section, dragged) {
  const { section: name } = section.dataset;
  const panels = [...section.querySelectorAll("[data-panel]")];
  const over = event.target.closest("[data-panel]");
  const last = section.open && panels.at(-1);
  if (!over) return { section: name, before: null, marked: last || section, look: last ? "is-drop-after" : "is-drop-into" };
  const frame = over.getBoundingClientRect();
  const isBefore = event.clientX < frame.left + frame.width / 2;
  const at = panels.indexOf(over) + (isBefore ? 0 : 1);
  if (panels[at] === dragged || panels[at - 1] === dragged) return null;
  return { section: name, before: panels[at] ?? null, marked: over, look: isBefore ? "is-drop-before" : "is-drop-after" };
}

/** Give a panel a corner to pull at. */
export function letResize(panel, board) {
  const corner = make("div", { class: "resize-corner", "aria-hidden": "true" });
  corner.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const frame = panel.element.getBoundingClientRect();
    const column = frame.width / (panel.spec.wide ?? 1);
    const row = frame.height / (panel.spec.tall ?? 1);
    corner.setPointerCapture(event.pointerId);
    const sizeAt = ({ clientX, clientY }) => ({
      wide: Math.max(1, Math.min(4, Math.round((clientX - frame.left) / column))), tall: Math.max(1, Math.min(3, Math.round((clientY - frame.top) / row))),
    });
    const follow = (move) => {
      panel.element.style.width = `${move.clientX - frame.left}px`;
      panel.element.style.height = `${move.clientY - frame.top}px`;
    };
    corner.addEventListener("pointermove", follow);
    corner.addEventListener("pointerup", (up) => {
      corner.removeEventListener("pointermove", follow);
      panel.element.style.width = "";
      panel.element.style.height = "";
      const size = sizeAt(up);
      if (size.wide === (panel.spec.wide ?? 1) && size.tall === (panel.spec.tall ?? 1)) return;
      board.rearrange(() => board.document.edit(panel.spec.id, size));
    }, { once: true });
  });
  panel.element.append(corner);
}
