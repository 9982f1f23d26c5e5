// The page of a sweep: parallel coordinates with brushes in place of the still drawing, whenever the page says that trials were added.

import { Board } from "./board.js";
import { throttle } from "./dom.js";
import { refresh } from "./live.js";

const LOOK_AGAIN = 10000;

const root = document.querySelector("[data-sweep-board]");
if (root) {
  const read = () => JSON.parse(document.getElementById("sweep-runs").dataset.runs);
  const source = (runs) => `runs=${runs.map((run) => run.id).join()}`;
  const runs = read();
  const board = new Board(root, { runs, isAddressed: false, source: source(runs) });
  root.querySelector("[data-awaited]")?.remove();
  board.setPanels(JSON.parse(root.dataset.panelsOf));
  const again = throttle(() => board.reload(), 0);
  document.addEventListener("penstock:patched", () => {
    board.runs = read();
    board.source = source(board.runs);
    again();
  });
}

// An agent that falls silent changes nothing of which the page would be told.
setInterval(() => {
  if (!document.hidden && document.querySelector("[data-agent-there]")) refresh();
}, LOOK_AGAIN);
