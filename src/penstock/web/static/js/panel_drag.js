// Dragging of panels: by the head to another place, by the corner to another size. The panel's menu does the same for keyboards.

import { make } from "./dom.js";

/** Let the panels below `root` be dragged; `board.document` learns where they were put. */
export function letDrag(root, board) {
  let dragged = null;
  const marker = make("div", { class: "drop-marker", "aria-hidden": "true" });
  const done = () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    marker.remove();
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
    const grid = event.target.closest?.(".panel-section")?.querySelector(".panel-grid");
    if (!dragged || !grid) return;
    event.preventDefault();
    const over = event.target.closest("[data-panel]");
    if (!over) grid.append(marker);
    else if (over !== dragged) {
      const frame = over.getBoundingClientRect();
      if (event.clientX < frame.left + frame.width / 2) over.before(marker);
      else over.after(marker);
    }
  });
  root.addEventListener("drop", (event) => {
    if (!dragged || !marker.isConnected) return done();
    event.preventDefault();
    const section = marker.closest(".panel-section").dataset.section;
    let next = marker.nextElementSibling;
    if (next === dragged) next = next.nextElementSibling;
    const id = dragged.dataset.panel;
    done();
    board.rearrange(() => board.document.put(board.listed(), id, section, next?.dataset.panel ?? null));
    return undefined;
  });
  root.addEventListener("dragend", done);
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
      board.rearrange(() => board.document.edit(panel.spec.id, sizeAt(up)));
    }, { once: true });
  });
  panel.element.append(corner);
}
