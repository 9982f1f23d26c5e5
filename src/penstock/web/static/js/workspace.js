// The workspace of a project: a list of runs at left, panels of the visible ones at right. Filter, sort and group are the server's (they
// are links and a form); eye, colour and pin are kept in this browser per project.

import { Board } from "./board.js";
import { say } from "./plot.js";

const root = document.querySelector("[data-panels]");
const list = document.getElementById("workspace-runs");
const MOST = 50;
const FIRST = Number(root?.dataset.first ?? 10);

function stored() {
  try {
    return JSON.parse(localStorage.getItem(root.dataset.store)) ?? {};
  } catch {
    return {};
  }
}

function readRuns() {
  return [...list.querySelectorAll("[data-run]")].map((row) => ({
    id: row.dataset.run, name: row.dataset.label, runName: row.dataset.name, url: row.dataset.url, color: Number(row.dataset.color), group: row.dataset.group, groupColor: Number(row.dataset.groupColor ?? 1),
  }));
}

if (root && list) {
  const tools = document.querySelector("[data-chart-tools]");
  let choices = { hidden: {}, shown: {}, colors: {}, pinned: {}, ...stored() };
  const save = () => localStorage.setItem(root.dataset.store, JSON.stringify(choices));

  const arrange = () => {
    const runs = readRuns();
    let drawn = 0;
    for (const [place, run] of runs.entries()) {
      if (choices.colors[run.id]) run.color = choices.colors[run.id];
      const wanted = choices.hidden[run.id] ? false : choices.shown[run.id] || choices.pinned[run.id] || place < FIRST;
      run.isHidden = !wanted || drawn >= MOST;
      if (!run.isHidden) drawn += 1;
    }
    return runs;
  };
  const board = new Board(root, { runs: arrange(), stream: "history", tools });

  const paint = () => {
    for (const run of board.runs) {
      const row = list.querySelector(`[data-run="${run.id}"]`);
      if (!row) continue;
      row.classList.toggle("is-hidden", Boolean(run.isHidden));
      row.classList.toggle("is-pinned", Boolean(choices.pinned[run.id]));
      row.querySelector("[data-eye]").setAttribute("aria-pressed", String(!run.isHidden));
      row.querySelector("[data-pin]").setAttribute("aria-pressed", String(Boolean(choices.pinned[run.id])));
      const swatch = row.querySelector(".run-swatch");
      swatch.className = `run-swatch series-${((run.color - 1) % 8) + 1}`;
    }
    const all = Number(root.dataset.total);
    document.getElementById("drawn-note").textContent = say("drawn", { drawn: board.visible().length, all });
  };
  const panels = () => JSON.parse(document.getElementById("panel-list").dataset.panelList);
  paint();
  board.setPanels(panels());
  board.listen(["history", "summary"]);

  const changed = () => {
    save();
    board.runs = arrange();
    paint();
    board.reload();
  };

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const row = button?.closest("[data-run]");
    if (!row) return;
    const id = row.dataset.run;
    if ("eye" in button.dataset) {
      const isOn = button.getAttribute("aria-pressed") === "true";
      if (event.altKey) {
        choices = { ...choices, hidden: {}, shown: {} };
        for (const run of board.runs) if (run.id !== id) choices.hidden[run.id] = 1;
        choices.shown[id] = 1;
      } else if (isOn) {
        choices.hidden[id] = 1;
        delete choices.shown[id];
      } else {
        delete choices.hidden[id];
        choices.shown[id] = 1;
      }
      changed();
    } else if ("pin" in button.dataset) {
      if (choices.pinned[id]) delete choices.pinned[id];
      else choices.pinned[id] = 1;
      delete choices.hidden[id];
      changed();
    } else if ("color" in button.dataset) {
      const run = board.runs.find((one) => one.id === id);
      choices.colors[id] = (run.color % 8) + 1;
      run.color = choices.colors[id];
      save();
      paint();
      board.redraw();
    }
  });
  document.querySelector("[data-eye-all]")?.addEventListener("click", () => {
    const isOff = board.visible().length > 0;
    choices.hidden = {};
    choices.shown = {};
    for (const run of board.runs) (isOff ? choices.hidden : choices.shown)[run.id] = 1;
    changed();
  });
  document.addEventListener("penstock:patched", () => {
    const before = board.visible().map((run) => run.id).join();
    board.runs = arrange();
    paint();
    board.setPanels(panels());
    if (before !== board.visible().map((run) => run.id).join()) board.reload();
  });
  for (const button of document.querySelectorAll("[data-narrow]")) {
    button.addEventListener("click", () => {
      const isOpen = document.querySelector(".workspace").classList.toggle("shows-runs");
      button.setAttribute("aria-expanded", String(isOpen));
    });
  }
}

for (const form of document.querySelectorAll("[data-auto-submit]")) form.addEventListener("change", () => form.requestSubmit());
