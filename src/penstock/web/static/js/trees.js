// Config, summary and metadata as trees: objects are folded and unfolded, a filter shows the values that match with what they stand in.

const folded = new Set();

const nameOf = (row) => `${row.closest("table").id} ${row.dataset.branch}`;

/** Show the rows of a tree that nothing folds or, while there is a filter, those that match. */
function show(tree) {
  const wanted = tree.querySelector("[data-tree-filter]")?.value.trim().toLowerCase() ?? "";
  const above = [];
  for (const row of tree.querySelectorAll("tr[data-depth]")) {
    const depth = Number(row.dataset.depth);
    above.length = depth;
    if (row.dataset.branch === undefined) {
      row.hidden = wanted ? !row.dataset.key.includes(wanted) && !row.textContent.toLowerCase().includes(wanted) : above.some((branch) => folded.has(nameOf(branch)));
      if (wanted && !row.hidden) for (const branch of above) branch.hidden = false;
      continue;
    }
    row.hidden = Boolean(wanted) || above.some((branch) => folded.has(nameOf(branch)));
    row.querySelector("[data-fold]").setAttribute("aria-expanded", String(Boolean(wanted) || !folded.has(nameOf(row))));
    above[depth] = row;
  }
}

function showAll() {
  for (const tree of document.querySelectorAll("[data-tree]")) show(tree);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-tree-filter]")) show(event.target.closest("[data-tree]"));
});
document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-fold]")?.closest("tr");
  if (!row) return;
  if (!folded.delete(nameOf(row))) folded.add(nameOf(row));
  show(row.closest("[data-tree]"));
});
document.addEventListener("penstock:patched", showAll);
