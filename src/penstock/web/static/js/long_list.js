// A long list goes on while the reader scrolls: near the end of what is there the page that `rel="next"` names is fetched and its rows are put
// below, each page in a `tbody` of its own. Pages far from the reader's eyes are not laid out: a gap of their height stands for them, and they
// keep what was picked in them. The address follows the first row in sight, by the same words that lead from page to page without a script.
// Live updates bring the pages near the eyes up to date row by row; what is new waits behind its button, which leads back to the top.

import { fetchPage, keepRegion, offerNew, patch, patchRows } from "./live.js";

const MOST_ROWS = 10000; // then there is a link to the next page again
const AHEAD = 1.5; // heights of the view before the end at which more is fetched
const FAR = 3; // heights of the view beyond which pages are not laid out
const PLACES = ["cursor", "offset"]; // words of an address that say which page it shows

let list = null;
let asked = 0;

const isWanted = () => localStorage.getItem("penstock.paging") !== "pages";
const nextOf = (root) => root?.querySelector(".table-foot a[rel=next]")?.href ?? null;
const rowsOf = (root) => [...(root?.querySelectorAll("table[data-rows] > tbody > tr[id]") ?? [])];

/** Take the list of the page as it was served; a page has one list, or one in each of several tables that do not go on. */
function begin() {
  const tables = document.querySelectorAll("table[data-rows]");
  const region = tables.length === 1 ? tables[0].closest("[data-live][id]") : null;
  const before = history.state?.before ?? [];
  if (!region || tables[0].tBodies.length !== 1 || !(nextOf(region) || before.length)) {
    list = null;
    return;
  }
  const [table] = tables;
  list = { region, table, box: table.closest(".table-box"), before, next: nextOf(region), total: totalOf(region), pages: [{ address: location.href.split("#")[0], body: table.tBodies[0], gap: null }], isBusy: false };
  if (before.length) settle();
}

/** Put the row that the address names at the top: a browser that loads a page again keeps the place of the page, and not that within a box. */
function restore() {
  const row = location.hash && list && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (row && list.table.contains(row)) scrollerOf().scrollTop += row.getBoundingClientRect().top - edgeOf();
}

/** Whether more than was served is there. */
const isLong = () => list !== null && list.pages.length > 1;

/** Fetch the next page and put its rows below; whether there were any. */
export async function grow() {
  if (!list?.next || list.isBusy || !isWanted() || rowsOf(list.region).length >= MOST_ROWS) return false;
  return extend(list.next, (fresh, page) => {
    list.table.append(page.body);
    list.pages.push(page);
    list.next = nextOf(fresh);
  });
}

/** Fetch the page before the first one, as far as its address is known. */
async function growUp() {
  if (!list.before.length || list.isBusy || !isWanted()) return false;
  return extend(list.before.at(-1), (fresh, page) => {
    const [first] = list.pages;
    const scroller = scrollerOf();
    scroller.style.overflowAnchor = "none"; // what is above the eyes grows: the rows in sight are kept in place here
    const edge = first.body.getBoundingClientRect().top;
    first.body.before(page.body);
    scroller.scrollTop += first.body.getBoundingClientRect().top - edge;
    list.pages.unshift(page);
    list.before = list.before.slice(0, -1);
  });
}

async function extend(address, place) {
  const own = list;
  own.isBusy = true;
  own.box.setAttribute("aria-busy", "true");
  const fresh = (await fetchPage(address))?.getElementById(own.region.id) ?? null;
  own.isBusy = false;
  own.box.removeAttribute("aria-busy");
  if (!fresh || list !== own || !own.table.isConnected) return false;
  const rows = rowsOf(fresh).filter((row) => !document.getElementById(row.id)); // a row that moved over the border is there already
  const body = document.createElement("tbody");
  body.append(...rows);
  place(fresh, { address, body, gap: null });
  keepRegion(own.region.id, bring, own.pages[0].address);
  tell(own.region);
  document.dispatchEvent(new CustomEvent("penstock:patched"));
  settle();
  return rows.length > 0;
}

/** Let the foot say how many rows are there, of how many, and lead on from the last one. `from` has the newest count. */
function tell(from) {
  const [foot, newest] = [list.region, from].map((root) => root.querySelector(".table-foot"));
  if (!newest) return;
  foot.firstElementChild.replaceChildren(...[...newest.firstElementChild.childNodes].map((node) => node.cloneNode(true)));
  const shown = foot.querySelector("[data-shown]");
  if (shown) shown.textContent = String(rowsOf(list.region).length);
  const link = foot.querySelector("a[rel=next]");
  if (link && list.next) link.href = list.next;
  else link?.remove();
}

/** What of the box can be seen, below the bar that stays at the top of the page. */
function view() {
  const box = list.box.getBoundingClientRect();
  const [top, bottom] = [Math.max(document.querySelector("header.top")?.offsetHeight ?? 0, box.top), Math.min(innerHeight, box.bottom)];
  return { top, bottom, height: Math.max(200, bottom - top) };
}

/** Where rows begin to be in sight, below the head. */
const edgeOf = () => view().top + list.table.tHead.offsetHeight;

/** On narrow screens lists scroll with the page. */
const scrollerOf = () => (list.box.scrollHeight > list.box.clientHeight + 1 ? list.box : document.scrollingElement);

/** Lay out the pages near the eyes and no others; go on where an end is near. */
function settle() {
  const { top, bottom, height } = view();
  const boxes = list.pages.map((page) => (page.gap ?? page.body).getBoundingClientRect());
  for (const [at, page] of list.pages.entries()) {
    const isFar = list.pages.length > 1 && (boxes[at].bottom < top - FAR * height || boxes[at].top > bottom + FAR * height);
    if (isFar && !page.gap) leave(page, boxes[at].height);
    else if (!isFar && page.gap) enter(page);
  }
  if (boxes.at(-1).bottom < bottom + AHEAD * height) grow();
  else if (boxes[0].top > top - AHEAD * height) growUp();
}

function leave(page, height) {
  const cell = document.createElement("td");
  cell.colSpan = list.table.tHead.rows[0].cells.length;
  cell.style.height = `${height}px`;
  page.gap = document.createElement("tbody");
  page.gap.className = "list-gap";
  page.gap.setAttribute("aria-hidden", "true");
  page.gap.insertRow().append(cell);
  page.body.before(page.gap);
  page.body.hidden = true;
}

function enter(page) {
  page.gap?.remove();
  page.gap = null;
  page.body.hidden = false;
}

/** Lay out the page of a row, so that it can have the focus. */
export function reveal(row) {
  const page = list?.pages.find(({ body }) => body.contains(row));
  if (page?.gap) enter(page);
}

/** Keep the address, and where forms lead back to, at the first row in sight. */
function remember() {
  if (!list?.table.isConnected || !list.region.hasAttribute("data-hold-order")) return;
  const edge = edgeOf();
  const page = list.pages.find(({ body, gap }) => !gap && body.rows.length && body.rows[body.rows.length - 1].getBoundingClientRect().top > edge - body.rows[0].offsetHeight / 2);
  const row = page && [...page.body.rows].find((one) => one.id && one.getBoundingClientRect().top > edge - one.offsetHeight / 2);
  if (!row) return;
  const address = new URL(location.href);
  const parameters = new URL(page.address).searchParams;
  for (const name of PLACES) {
    if (parameters.has(name)) address.searchParams.set(name, parameters.get(name));
    else address.searchParams.delete(name);
  }
  const isTop = page === list.pages[0] && !list.before.length && row === page.body.rows[0];
  address.hash = isTop ? "" : row.id;
  const before = [...list.before, ...list.pages.slice(0, list.pages.indexOf(page)).map((one) => one.address)];
  const text = isTop ? address.href.replace(/#$/, "") : address.href;
  if (text !== location.href) history.replaceState({ ...history.state, before }, "", text);
  for (const field of document.querySelectorAll("form[data-bulk] input[name=next]")) field.value = text.slice(address.origin.length);
}

/** How many rows there are, as the foot of a fetched list says. */
const totalOf = (root) => Number(root.querySelector(".table-foot")?.dataset.total ?? 0);

/** Whether rows stand in another order now than they are shown in, beside those that are new at the top. `fresh`: rows of pages, page by page. */
function isMoved(fresh) {
  const places = new Map(rowsOf(list.region).map((row, at) => [row.id, at]));
  const seen = new Set();
  let before = -1;
  for (const [at, rows] of fresh.entries()) {
    const last = rows.findLastIndex((row) => places.has(row.id)); // what follows it belongs to pages that are not there yet
    for (const { id } of rows.slice(0, last + 1)) {
      if (seen.has(id)) continue; // pages overlap where rows went
      seen.add(id);
      const here = places.get(id);
      if (here === undefined ? at > 0 : here < before) return true;
      before = here ?? before;
    }
  }
  return false;
}

/** Rows near the eyes that are not where they were: with the list's order, a page before whose rows are known covers the beginning of the next. */
function missing(near, fresh) {
  const known = new Set(fresh.flat().map((row) => row.id));
  return near.flatMap((page, at) => {
    if (!fresh[at].length) return [];
    const rows = [...page.body.rows];
    const follows = at === 0 || list.pages.indexOf(near[at - 1]) === list.pages.indexOf(page) - 1;
    const first = follows ? 0 : rows.findIndex((row) => known.has(row.id));
    const last = rows.findLastIndex((row) => known.has(row.id)); // rows behind it may have moved over the border
    return rows.slice(first, Math.max(last, 0)).filter((row) => row.id && !known.has(row.id));
  });
}

/**
 * Bring what is near the eyes up to date, from the fetched first page and from the others' own addresses. A row that is not where it was has
 * gone if there are fewer rows now; else it stands elsewhere, as rows do whose order is by something that changes: that is offered to be shown.
 */
async function bring(replacement) {
  const own = list;
  const near = own.pages.filter((page, at) => at === 0 || !page.gap);
  const fresh = await Promise.all(near.map(async (page, at) => rowsOf(at === 0 ? replacement : (await fetchPage(page.address))?.getElementById(own.region.id))));
  if (list !== own || !own.table.isConnected) return;
  const newCount = fresh[0].filter((row) => !document.getElementById(row.id)).length;
  const lost = missing(near, fresh);
  const areGone = own.total + newCount - totalOf(replacement) >= lost.length;
  const isOther = isMoved(fresh) || (lost.length > 0 && !areGone);
  if (areGone && !own.region.matches(":hover")) {
    for (const row of lost) row.remove();
    if (lost.length) own.total -= lost.length;
  }
  patchRows(fresh.flat());
  tell(replacement);
  offerNew(own.region, newCount, () => toTop(replacement), isOther);
}

/** Back to the beginning, with what is new. */
function toTop(replacement) {
  const { region, pages, box } = list;
  for (const page of pages.slice(1)) page.body.remove();
  for (const page of pages) enter(page);
  keepRegion(region.id, null);
  list = null;
  patch(region, replacement);
  const address = new URL(pages[0].address);
  address.hash = "";
  history.replaceState({ ...history.state, before: [] }, "", address.href.replace(/#$/, ""));
  box.scrollTop = 0;
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}

document.addEventListener("scroll", (event) => {
  if (!list?.table.isConnected || event.target !== (scrollerOf() === list.box ? list.box : document)) return;
  clearTimeout(asked);
  asked = setTimeout(remember, 300); // browsers take only so many changes of the address
  requestAnimationFrame(() => list?.table.isConnected && settle());
}, { capture: true, passive: true });
document.addEventListener("penstock:patched", () => {
  if (isLong() && list.table.isConnected) return;
  if (isLong()) keepRegion(list.region.id, null);
  begin();
});
begin();
restore();
