// Cards of different heights in columns without deserts: each stands in the column that was shortest when it came, so that reading down the
// page is reading in the order of the document. A card keeps its column when its content grows, and moves only with the number of columns.

const STEP = 4;
const GROUPS = "[data-pack], .shelf";
const placed = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const box of new Set(entries.map(({ target }) => target.closest(GROUPS)))) if (box) pack(box);
});

/** How many rows of the grid a card takes, with the gap below it. */
function rowsOf(card, gap) {
  return Math.max(1, Math.ceil((card.getBoundingClientRect().height + gap) / STEP));
}

/** Give every card below `box` its column and its rows. */
function pack(box) {
  const cards = [...box.children];
  const before = placed.get(box);
  const room = `${box.clientWidth} ${box.dataset.columns ?? ""}`;
  // A card in the last column keeps that column there, however narrow the box became: none has one while columns are counted.
  if (before && before.room !== room) for (const card of cards) card.style.gridColumn = "auto";
  const { gridTemplateColumns, columnGap } = getComputedStyle(box);
  const count = gridTemplateColumns.split(" ").length;
  const isPacked = count > 1 && cards.length > count;
  box.classList.toggle("is-packed", isPacked);
  const kept = isPacked && before?.count === count ? before.columns : new Map();
  const heights = Array(count).fill(0);
  const rows = isPacked ? cards.map((card) => rowsOf(card, parseFloat(columnGap) || 0)) : [];
  cards.forEach((card, at) => {
    if (isPacked) {
      const column = kept.get(card) ?? heights.indexOf(Math.min(...heights));
      kept.set(card, column);
      heights[column] += rows[at];
      card.style.gridArea = `auto / ${column + 1} / span ${rows[at]} / auto`;
    } else card.style.gridArea = "";
  });
  placed.set(box, { count, room, columns: kept });
}

/** Pack what is there now; a patch has taken the places of the cards, and brings new ones. */
function packAll() {
  for (const box of document.querySelectorAll(GROUPS)) {
    pack(box);
    for (const element of [box, ...box.children]) sizes.observe(element);
  }
}

packAll();
document.addEventListener("penstock:patched", packAll);
