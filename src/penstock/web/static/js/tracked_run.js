// The page of a tracked run: its board of panels, its console, filters of its trees.

import { Board } from "./board.js";
import "./console.js";

const root = document.querySelector("[data-panels]");
if (root) {
  const name = document.querySelector("[data-run-name]").dataset.runName;
  const runs = JSON.parse(root.dataset.runs).map((run) => ({ ...run, runName: name }));
  const board = new Board(root, { runs, stream: root.dataset.stream, x: root.dataset.x, tools: document.querySelector("[data-chart-tools]"), source: `runs=${runs.map((run) => run.id).join()}` });
  const list = () => JSON.parse(document.getElementById("panel-list").dataset.panelList);
  board.setPanels(list());
  board.listen(["history", "summary", "events"]);
  document.addEventListener("penstock:patched", () => board.setPanels(list()));
}

function filterTrees() {
  for (const field of document.querySelectorAll("[data-tree-filter]")) {
    const wanted = field.value.trim().toLowerCase();
    for (const row of field.closest("[data-tree]").querySelectorAll("tr[data-key]")) row.hidden = Boolean(wanted) && !row.dataset.key.includes(wanted) && !row.textContent.toLowerCase().includes(wanted);
  }
}
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-tree-filter]")) filterTrees();
});
document.addEventListener("penstock:patched", filterTrees);
for (const form of document.querySelectorAll("[data-auto-submit]")) form.addEventListener("change", () => form.requestSubmit());
