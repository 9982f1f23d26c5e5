// Logged tables: typed columns with small distributions, order and filter by the server over all rows, media cells, page after page.

import { make, makeSvg } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { imageElement } from "./image.js";
import { say, shortNumber } from "./words.js";

/** An element for a table answer; `fileAddress(name)` leads to media in cells, `address(extra)` asks for other rows. */
export function wholeTable(answer, fileAddress, address, label) {
  const wish = { sort: "", q: "", from: 0 };
  const body = make("tbody");
  const foot = make("div", { class: "row tight small faint num table-pages" });
  const field = make("input", { type: "search", placeholder: say("filter rows"), "aria-label": `${say("filter rows")}: ${label}`, autocomplete: "off" });
  const heads = answer.columns.map((name, at) => headElement(name, at, answer, wish, () => ask()));
  const fill = (got) => {
    body.replaceChildren(...got.rows.map((row) => make("tr", {}, ...row.map((cell) => cellElement(cell, fileAddress)))));
    const step = (by, word, isOff) => make("button", { class: "button small", type: "button", disabled: isOff, onclick: () => {
      wish.from = Math.max(0, wish.from + by);
      ask();
    } }, say(word));
    const size = answer.rows.length;
    foot.replaceChildren(make("span", { class: "grow" }, say("rows", { shown: `${got.rows.length ? wish.from + 1 : 0}–${wish.from + got.rows.length}`, count: got.matching ?? got.count })), ...(answer.count > size ? [step(-size, "previous", wish.from === 0), step(size, "next", wish.from + got.rows.length >= (got.matching ?? got.count))] : []));
    for (const [at, head] of heads.entries()) head.setAttribute("aria-sort", wish.sort === String(at) ? "ascending" : wish.sort === `-${at}` ? "descending" : "none");
  };
  let asked = 0;
  const ask = async () => {
    const turn = (asked += 1);
    const got = await fetchJson(address(`&${new URLSearchParams(wish)}`));
    if (turn === asked) fill(got);
  };
  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      wish.q = field.value;
      wish.from = 0;
      ask();
    }, 200);
  });
  fill(answer);
  return make("div", { class: "stack tight" }, answer.count > 8 ? field : "", make("div", { class: "table-box media-table", tabindex: "0", role: "region", "aria-label": `${say("table")}: ${label}` }, make("table", { class: "table compact" }, make("thead", {}, make("tr", {}, ...heads)), body)), foot);
}

function headElement(name, at, answer, wish, ask) {
  const spread = answer.spreads?.[at];
  return make("th", { scope: "col", "aria-sort": "none" }, make("button", { class: "sort plain-button", type: "button", onclick: () => {
    wish.sort = wish.sort === String(at) ? `-${at}` : String(at);
    wish.from = 0;
    ask();
  } }, name), spread ? distribution(spread) : "");
}

/** A small drawing of how the values of a column are spread. */
function distribution({ counts, low, high, distinct }) {
  if (distinct !== undefined) return make("span", { class: "spread small faint" }, say("distinct", { count: distinct }));
  const most = Math.max(...counts, 1);
  return makeSvg("svg", { class: "spread", viewBox: `0 0 ${counts.length * 5} 18`, role: "img", "aria-label": `${shortNumber(low)} – ${shortNumber(high)}` }, makeSvg("title", {}, `${shortNumber(low)} – ${shortNumber(high)}`), ...counts.map((count, i) => makeSvg("rect", { x: i * 5, width: 4, y: 18 - (count / most) * 17, height: (count / most) * 17 })));
}

function cellElement(cell, fileAddress) {
  if (typeof cell === "number") return make("td", { class: "num" }, shortNumber(cell));
  if (cell && typeof cell === "object" && typeof cell.path === "string") {
    const label = cell.caption ?? cell.path.split("/").pop();
    if (cell._type === "image-file") return make("td", { class: "cell-media" }, imageElement(cell, fileAddress, new Set()));
    if (cell._type === "audio-file") return make("td", {}, make("audio", { controls: true, preload: "none", src: fileAddress(cell.path), "aria-label": label }));
    return make("td", {}, make("a", { href: fileAddress(cell.path) }, label));
  }
  return make("td", { class: "cut" }, cell === null ? "" : typeof cell === "string" ? cell : JSON.stringify(cell));
}
