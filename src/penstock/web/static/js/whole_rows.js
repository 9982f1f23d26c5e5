// Questions over the rows of a whole file. The server answers a piece of a second; pieces are added up here and drawn after each, until the
// file is over, the reader stops, or half a minute has gone. What is asked stands in the address, so that a link asks again.

import { make, text } from "./dom.js";
import { ask, why } from "./waiting.js";
import { shortNumber } from "./words.js";

const MOST_ROWS = 200;
const MOST_GROUPS = 200;
const BARS = 16;
const LIMIT = 30_000;
const AGAIN = 1000;
const FIELDS = ["find", "order", "by", "member"];
const states = new WeakMap();

const number = (value) => value.toLocaleString();

/** Whether the table that an element is in shows answers over the whole file. */
export function isWhole(element) {
  return states.has(element.closest("[data-sift]"));
}

/** What is said below of the first rows, and the way to more of them. */
function notesOf(place) {
  const notes = [...place.querySelectorAll(":scope > p")];
  for (let next = place.nextElementSibling; next?.matches("p"); next = next.nextElementSibling) notes.push(next);
  return notes;
}

function begin(place, question) {
  if (!states.has(place)) {
    const table = place.querySelector("table");
    const field = place.querySelector("[data-sift-words]");
    const below = make("div", { class: "row wrapping small whole-state" });
    states.set(place, { question, texts: JSON.parse(place.dataset.texts), before: [...table.children], notes: notesOf(place), below, placeholder: field.placeholder });
    place.querySelector("[data-whole-begin]")?.setAttribute("hidden", "");
    const state = states.get(place);
    field.placeholder = state.texts.find;
    if (question.find) field.value = question.find;
    for (const note of state.notes) note.hidden = true;
    place.querySelector(".preview-table").before(below);
  }
  return states.get(place);
}

function leave(place) {
  const state = states.get(place);
  state.controller?.abort();
  states.delete(place);
  place.querySelector("table").replaceChildren(...state.before);
  place.querySelector("[data-whole-begin]")?.removeAttribute("hidden");
  place.querySelector("[data-sift-words]").placeholder = state.placeholder;
  for (const note of state.notes) note.hidden = false;
  if (!state.before[0]?.childElementCount) place.hidden = true;
  state.below.remove();
  remember(null);
  place.querySelector("[data-whole-begin]")?.focus();
}

/** Keep what is asked in the address. */
function remember(question) {
  const address = new URL(location.href);
  for (const name of ["whole", ...FIELDS]) address.searchParams.delete(name);
  if (question) address.searchParams.set("whole", "1");
  for (const name of FIELDS) if (question?.[name]) address.searchParams.set(name, question[name]);
  history.replaceState(history.state, "", address);
}

/** Ask anew: with what the fields hold, and the column whose heading was pressed. */
export function askWhole(place, { order = null, question = null } = {}) {
  const state = begin(place, question ?? { member: "" });
  if (order) {
    const name = state.columns?.[order.closest("th").cellIndex];
    if (!name) return;
    state.question.order = state.question.order === name ? `-${name}` : name;
  }
  const group = place.querySelector("[data-sift-group]");
  state.question.find = place.querySelector("[data-sift-words]").value;
  if (question?.by === undefined) state.question.by = Number(group.value) < 0 ? "" : group.selectedOptions[0].textContent;
  state.sum = null;
  remember(state.question);
  run(place, "");
}

async function run(place, at) {
  const state = states.get(place);
  state.controller?.abort();
  const controller = new AbortController();
  state.controller = controller;
  const until = performance.now() + LIMIT;
  let next = at;
  try {
    do {
      const piece = await pieceOf(place, state, next, controller.signal);
      if (controller.signal.aborted) return;
      state.sum = added(state.sum, piece, state.question.order?.startsWith("-") && !piece.columns.includes(state.question.order));
      state.columns = piece.columns;
      next = piece.next;
      draw(place, state, next, next !== null && performance.now() < until);
    } while (next !== null && performance.now() < until);
  } catch (error) {
    if (!controller.signal.aborted) state.below.replaceChildren(make("span", { class: "banner bad", role: "alert" }, `${state.texts.failed} ${why(error)}`), backButton(place, state));
  }
}

async function pieceOf(place, state, at, signal) {
  const address = new URL(place.dataset.whole, location.href);
  address.searchParams.set("ask", "rows");
  if (at) address.searchParams.set("at", at);
  for (const name of FIELDS) if (state.question[name]) address.searchParams.set(name, state.question[name]);
  for (;;) {
    try {
      return await (await ask(address, { signal })).json();
    } catch (error) {
      if (error.status !== 429 || signal.aborted) throw error;
      if (!state.sum) state.below.replaceChildren(make("span", { role: "status" }, state.texts.busy));
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
}

function compared(a, b) {
  if (a[0] !== b[0]) return a[0] - b[0];
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

/** What two pieces say together. */
function added(sum, piece, isDown) {
  if (!sum) return { ...piece, groups: new Map(piece.groups.map((one) => [one.key, one])) };
  const rows = [...sum.rows, ...piece.rows];
  if (piece.rows[0]?.key.length || sum.rows[0]?.key.length) rows.sort((a, b) => (isDown ? compared(b.key, a.key) : compared(a.key, b.key)));
  for (const one of piece.groups) {
    const known = sum.groups.get(one.key);
    if (!known) {
      sum.groups.set(one.key, one);
      continue;
    }
    known.count += one.count;
    for (const [at, [count, total, least, most]] of Object.entries(one.numbers)) {
      const held = known.numbers[at];
      known.numbers[at] = held ? [held[0] + count, held[1] + total, Math.min(held[2], least), Math.max(held[3], most)] : one.numbers[at];
    }
  }
  const counted = Object.fromEntries(["looked", "matched", "damaged", "passed_over", "ungrouped"].map((name) => [name, sum[name] + piece[name]]));
  return { ...piece, ...counted, rows: rows.slice(0, MOST_ROWS), groups: sum.groups, spreads: sum.spreads.map((one, at) => joined(one, piece.spreads[at])) };
}

/** Lay the bars of a spread into others: each is shared out among those that it lies over. */
function layInto(bars, low, width, one) {
  one.bars.forEach((count, at) => {
    if (!count) return;
    const begin = Math.max(0, (Math.max(one.low + at * one.width, one.least) - low) / width);
    const end = Math.min(bars.length, Math.max(begin, (Math.min(one.low + (at + 1) * one.width, one.most) - low) / width));
    if (end - begin < 1e-9) bars[Math.min(bars.length - 1, Math.floor(begin))] += count;
    else for (let bar = Math.floor(begin); bar < end; bar += 1) bars[bar] += count * (Math.min(end, bar + 1) - Math.max(begin, bar)) / (end - begin);
  });
}

/** Two spreads as one, over the range of both. */
function joined(a, b) {
  if (!a || !b) return null;
  if (!a.count || !b.count) return a.count ? a : b;
  const low = Math.min(a.low, b.low);
  const high = Math.max(a.low + a.width * a.bars.length, b.low + b.width * b.bars.length);
  const bars = Array(a.bars.length).fill(0);
  const width = (high - low) / bars.length;
  for (const one of [a, b]) layInto(bars, low, width, one);
  return { count: a.count + b.count, least: Math.min(a.least, b.least), most: Math.max(a.most, b.most), low, width, bars };
}

function spreadOf(one) {
  const span = one.most - one.least || 1;
  const counts = Array(BARS).fill(0);
  layInto(counts, one.least, span / BARS, one);
  const most = Math.max(...counts, 1);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spread");
  svg.setAttribute("viewBox", `0 0 ${BARS * 5} 18`);
  svg.setAttribute("aria-hidden", "true");
  counts.forEach((count, at) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = count ? Math.max(0.6, count / most * 17) : 0;
    for (const [name, value] of Object.entries({ x: at * 5, y: 18 - height, width: 4, height })) bar.setAttribute(name, value);
    svg.append(bar);
  });
  return svg;
}

function headOf(state, sum) {
  return make("tr", {}, ...sum.columns.map((name, at) => {
    const spread = sum.spreads[at]?.count ? sum.spreads[at] : null;
    const order = state.question.order === name ? "ascending" : state.question.order === `-${name}` ? "descending" : "none";
    const range = spread ? `${shortNumber(spread.least)} … ${shortNumber(spread.most)}` : "";
    return make("th", { scope: "col", class: spread ? "right" : null, "aria-sort": order },
      make("button", { type: "button", class: "plain-button", "data-sift-sort": spread ? "number" : "text" }, name),
      range ? make("span", { class: "sub" }, range) : null, spread ? spreadOf(spread) : null);
  }));
}

const path = (text) => text.split("/").map(encodeURIComponent).join("/");

function cellOf(place, value, isNumber) {
  if (typeof value !== "object" || value === null) return make("td", { class: `${isNumber ? "num" : "cut"} mono`, title: String(value ?? "") }, String(value ?? ""));
  const address = (place.dataset.beside ?? "") + path(value.path);
  if (value.kind === "image") return make("td", {}, make("a", { href: address, "data-picture": JSON.stringify(value.drawn), "data-beside": place.dataset.beside }, make("img", { class: "cell-picture", src: address, alt: value.path.split("/").pop(), loading: "lazy" })));
  if (value.kind === "audio") return make("td", {}, make("audio", { controls: true, preload: "none", src: address }));
  return make("td", {}, make("a", { href: address }, value.path));
}

/** A group's line; its name narrows the question to it. */
function groupOf(place, state, sum, one) {
  const by = sum.columns.indexOf(state.question.by);
  const narrow = () => {
    const field = place.querySelector("[data-sift-words]");
    field.value = `${field.value} "${state.question.by}=${one.key}"`.trim();
    place.querySelector("[data-sift-group]").value = "-1";
    askWhole(place, {});
  };
  return make("tr", { class: "sift-group" }, ...sum.columns.map((name, at) => {
    if (at === by) return make("th", { scope: "row" }, make("button", { class: "plain-button", type: "button", onclick: narrow, disabled: one.key === "" }, one.key || text("no value"), " ", make("span", { class: "chip num" }, number(one.count))));
    const held = sum.spreads[at] ? one.numbers[at] : null;
    if (!held) return make("td");
    return make("td", { class: "num" }, `⌀ ${shortNumber(held[1] / held[0])}`, make("span", { class: "sub" }, `${shortNumber(held[2])} … ${shortNumber(held[3])}`));
  }));
}

const backButton = (place, state) => make("button", { class: "button small ghost", type: "button", onclick: () => leave(place) }, state.texts.back);

function stateLine(state, sum, next) {
  const said = (key, values) => state.texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const looked = number(sum.looked);
  const parts = [next === null ? said("all", { looked }) : sum.total !== null ? said("looked", { looked, all: number(sum.total) }) : said("lookedSome", { looked, share: `${(100 * sum.progress).toFixed(0)} %` })];
  if (state.question.find) parts.push(said("matched", { count: number(sum.matched) }));
  if (!state.question.by && sum.matched > sum.rows.length) parts.push(said("shown", { count: number(sum.rows.length) }));
  if (sum.damaged) parts.push(said("damaged", { count: number(sum.damaged) }));
  if (sum.passed_over) parts.push(said("passed", { count: number(sum.passed_over) }));
  if (sum.ungrouped) parts.push(said("groups", { count: number(sum.ungrouped) }));
  return parts.join(" · ");
}

function draw(place, state, next, isGoingOn) {
  const sum = state.sum;
  const group = place.querySelector("[data-sift-group]");
  if (group.options.length < 2) group.append(...sum.columns.map((name, at) => make("option", { value: at }, name)));
  const chosen = sum.columns.indexOf(state.question.by);
  const option = [...group.options].find((one) => one.textContent === state.question.by && one.value !== "-1");
  group.value = chosen >= 0 && option ? option.value : "-1";
  const focused = place.querySelector("thead")?.contains(document.activeElement) ? document.activeElement.closest("th").cellIndex : -1;
  const head = make("thead", {}, headOf(state, sum));
  const groups = [...sum.groups.values()].sort((a, b) => b.count - a.count).slice(0, MOST_GROUPS);
  const lines = state.question.by ? groups.map((one) => groupOf(place, state, sum, one)) : sum.rows.map((one) => make("tr", {}, ...one.cells.map((value, at) => cellOf(place, value, sum.spreads[at]?.count))));
  place.querySelector("table").replaceChildren(head, make("tbody", {}, ...lines));
  if (focused >= 0) head.querySelectorAll("button")[focused]?.focus();
  const stop = () => {
    state.controller.abort();
    draw(place, state, next, false);
  };
  const onward = next === null ? null : make("button", { class: "button small", type: "button", onclick: isGoingOn ? stop : () => run(place, next) }, isGoingOn ? state.texts.stop : state.texts.more);
  const hadFocus = state.below.contains(document.activeElement);
  state.below.replaceChildren(make("span", { class: "num", role: "status" }, stateLine(state, sum, next)), onward ?? "", backButton(place, state));
  if (hadFocus) state.below.querySelector("button")?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-whole-begin], [data-whole-open]");
  if (!button) return;
  const place = button.closest("[data-sift]") ?? button.closest(".table-box").parentElement.querySelector("[data-sift][data-whole]");
  place.hidden = false;
  if (button.matches("[data-whole-open]") && states.has(place)) leave(place);
  place.hidden = false;
  if (button.dataset.member) {
    // Another array: its columns are others.
    place.querySelector("[data-sift-group]").replaceChildren(place.querySelector("[data-sift-group]").options[0]);
    place.querySelector("[data-sift-words]").value = "";
  }
  askWhole(place, { question: { member: button.dataset.member ?? "" } });
});

// A link that asks.
const given = new URLSearchParams(location.search);
const first = document.querySelector("[data-sift][data-whole]");
if (given.get("whole") && first) {
  const question = Object.fromEntries(FIELDS.map((name) => [name, given.get(name) ?? ""]));
  first.hidden = false;
  first.querySelector("[data-sift-words]").value = question.find;
  askWhole(first, { question });
}
