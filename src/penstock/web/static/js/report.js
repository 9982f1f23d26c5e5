// The page of a report: a board for every grid of panels, drawn from the runs that the grid names, or from what was kept when it was frozen.

import { Board } from "./board.js";
import { make } from "./dom.js";
import { fetchJson, postJson } from "./fetching.js";
import { OF_RUNS } from "./panel_vega.js";
import { themeColors } from "./theme.js";
import { why } from "./waiting.js";

const exporter = () => import(new URL("./report_export.js", import.meta.url).href);

const boards = [];

for (const root of document.querySelectorAll("[data-report-grid]")) {
  const runs = JSON.parse(root.dataset.runs);
  const answers = root.dataset.frozen ? fetchJson(root.dataset.frozen).then((kept) => kept.answers) : null;
  answers?.catch(() => {});
  const board = new Board(root, { runs, isAddressed: false, answers, source: `runs=${runs.map((run) => run.id).join()}` });
  root.querySelector("[data-awaited]")?.remove();
  board.setPanels(JSON.parse(root.dataset.panelsOf));
  if (!answers) board.listen(["history", "summary"]);
  boards.push(board);
}

/** Keep what the panels of a grid show, or draw it from its runs again; the page then says which. */
async function freeze(button) {
  const { freeze: block, live: isLive, report } = button.dataset;
  const board = boards.find((one) => one.root.dataset.block === block);
  button.disabled = true;
  try {
    if (!isLive) for (const panel of board?.panels ?? []) await panel.load();
    await postJson("/ui/tracking/reports/freeze", { report, block: Number(block), live: Boolean(isLive), addresses: isLive ? [] : [...(board?.asked ?? [])] });
    location.reload();
  } catch (error) {
    button.disabled = false;
    button.after(make("span", { class: "small state s-failed", role: "alert" }, why(error)));
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-freeze]");
  if (button) await freeze(button);
  const link = event.target.closest("[data-report-export]");
  const charts = link ? boards.flatMap((board) => board.panels).filter((panel) => panel.kind === "vega") : [];
  if (!charts.length || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const text = await exporter().then(({ exported }) => exported(link.href, charts, { colors: themeColors("light"), ofRuns: OF_RUNS })).catch(() => null);
  if (text === null) {
    location.assign(link.href);
    return;
  }
  const address = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  make("a", { href: address, download: link.dataset.reportExport }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
});
