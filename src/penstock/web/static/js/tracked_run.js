// The page of a tracked run, or of a comparison of some: a board of panels, the console, filters of trees.

import { Board } from "./board.js";
import "./console.js";
import "./trees.js";

const root = document.querySelector("[data-panels]");
if (root) {
  const name = document.querySelector("[data-run-name]").dataset.runName;
  const runs = JSON.parse(root.dataset.runs).map((run) => ({ runName: name, ...run }));
  const board = new Board(root, { runs, stream: root.dataset.stream, x: root.dataset.x, tools: document.querySelector("[data-chart-tools]"), source: `runs=${runs.map((run) => run.id).join()}`, finals: JSON.parse(root.dataset.finals ?? "[]") });
  const list = () => JSON.parse(document.getElementById("panel-list").dataset.panelList);
  board.setPanels(list());
  board.listen(["history", "summary", "events"]);
  document.addEventListener("penstock:patched", () => {
    board.setPanels(list());
    const { name: shown } = document.getElementById("panel-list").dataset; // of a single run
    if (!shown || shown === runs[0].name) return;
    runs[0].name = shown;
    board.retell();
  });
}

for (const form of document.querySelectorAll("[data-auto-submit]")) form.addEventListener("change", () => form.requestSubmit());
