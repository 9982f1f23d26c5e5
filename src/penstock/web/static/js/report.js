// The page of a report: a board for every grid of panels, drawn from the runs that the grid names.

import { Board } from "./board.js";

for (const root of document.querySelectorAll("[data-report-grid]")) {
  const runs = JSON.parse(root.dataset.runs);
  const board = new Board(root, { runs, isAddressed: false, source: `runs=${runs.map((run) => run.id).join()}` });
  board.setPanels(JSON.parse(root.dataset.panelsOf));
  board.listen(["history", "summary"]);
}
