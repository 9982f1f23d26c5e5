// The order of a table's columns: cells are moved in the rows that the server sent, and headings are dragged. What comes later (a fetched
// page, a live update) is put in order before it is shown, so that cells are compared with their own.

const FAR_ENOUGH = 6; // pixels after which a press on a heading is a drag and no click
const EDGE = 32; // pixels from the side of a box within which a drag scrolls it

/** Names in the order that was chosen; one that was not named stays behind the one that the server has before it. */
export function ordered(served, chosen) {
  const found = chosen.filter((name) => served.includes(name));
  for (const [at, name] of served.entries()) {
    if (found.includes(name)) continue;
    found.splice(at === 0 ? 0 : found.indexOf(served[at - 1]) + 1, 0, name);
  }
  return found;
}

/** Put the columns of a table in the order of `names`; the boxes to pick rows stay in front. */
export function arrange(table, names, nameOf) {
  const head = table.tHead?.rows[0];
  if (!head) return;
  const places = [...head.cells].map((cell) => (cell.matches("th") ? names.indexOf(nameOf(cell)) >>> 0 : -1)); // without a name: last
  const wanted = places.map((place, at) => [place, at]).sort(([a, i], [b, j]) => a - b || i - j).map(([, at]) => at);
  if (wanted.every((at, place) => at === place)) return;
  for (const row of [head, ...[...table.tBodies].flatMap((body) => [...body.rows])]) {
    const cells = [...row.cells];
    if (cells.length === wanted.length) row.append(...wanted.map((at) => cells[at])); // not a row that spans columns
  }
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Let headings be dragged; `move(table, from, to, isAfter)` is called with the headings when one is dropped beside another. */
export function startDragging(heads, move) {
  let held = null;
  const over = (event) => {
    const list = heads(held.table).filter((head) => head.offsetWidth);
    const head = list.find((one) => event.clientX < one.getBoundingClientRect().right) ?? list.at(-1);
    const box = head.getBoundingClientRect();
    return [head, event.clientX > box.left + box.width / 2];
  };
  const mark = (head, isAfter) => {
    for (const marked of document.querySelectorAll(".is-drop-before, .is-drop-after")) marked.classList.remove("is-drop-before", "is-drop-after");
    head?.classList.add(isAfter ? "is-drop-after" : "is-drop-before");
  };
  const end = () => {
    held = null;
    mark(null);
    document.body.classList.remove("is-ordering");
  };
  document.addEventListener("pointerdown", (event) => {
    const head = event.target.closest?.("table[data-table] > thead th");
    if (!head || event.button || event.pointerType === "touch" || event.target.closest(".column-edge") || !heads(head.closest("table")).includes(head)) return;
    held = { head, table: head.closest("table"), from: event.clientX, isMoving: false };
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    held.isMoving ||= Math.abs(event.clientX - held.from) > FAR_ENOUGH;
    if (!held.isMoving) return;
    document.body.classList.add("is-ordering");
    const box = held.table.parentElement.getBoundingClientRect();
    if (event.clientX > box.right - EDGE) held.table.parentElement.scrollLeft += EDGE;
    else if (event.clientX < box.left + EDGE) held.table.parentElement.scrollLeft -= EDGE;
    mark(...over(event));
  });
  document.addEventListener("pointerup", (event) => {
    if (!held) return;
    const { head, table, isMoving } = held;
    const [target, isAfter] = isMoving ? over(event) : [head];
    end();
    if (!isMoving) return;
    addEventListener("click", swallow, true);
    setTimeout(() => removeEventListener("click", swallow, true)); // a drop beside the heading makes no click, and none after it is to be lost
    if (target !== head) move(table, head, target, isAfter);
  });
  document.addEventListener("pointercancel", () => held && end());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && held) end();
  });
  document.addEventListener("dragstart", (event) => {
    if (event.target.closest?.("table[data-table] > thead")) event.preventDefault(); // a heading's link would be dragged as an address
  });
}
