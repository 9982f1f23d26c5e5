// Texts of previews: lines with numbers, folded by their indentation, and searched. The text itself comes with the page, this once there is one.

import { icon, make } from "./dom.js";

const MAX_LINES = 40000;
const PAUSE = 120;
const sprite = () => document.querySelector("[data-icons]").dataset.icons;

const indentOf = (line) => (line.trim() ? line.length - line.trimStart().length : -1);

/** For each line the number of the last one that folds away under it; its own number where nothing does. */
function foldsOf(lines) {
  const ends = lines.map((_, at) => at);
  const open = [];
  const indents = lines.map(indentOf);
  let last = -1;
  const close = (indent) => {
    while (open.length && indents[open.at(-1)] >= indent) ends[open.pop()] = last;
  };
  indents.forEach((indent, at) => {
    if (indent < 0) return;
    close(indent);
    open.push(at);
    last = at;
  });
  close(0);
  return ends;
}

/** What to look for: `/a|b/` is a regular expression, all else the words as they stand. Nothing for what cannot be read. */
function patternOf(text) {
  const slashed = /^\/(.+)\/$/.exec(text);
  try {
    return new RegExp(slashed ? slashed[1] : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  } catch {
    return null;
  }
}

/** Makes a reader of the text at a place. */
export class Reader {
  constructor(place) {
    this.words = JSON.parse(place.dataset.reader);
    const code = place.querySelector("code");
    this.texts = code.textContent.split("\n");
    if (this.texts.length > MAX_LINES) return;
    this.ends = foldsOf(this.texts);
    this.folded = new Set();
    this.hits = [];
    this.at = -1;
    this.lines = this.texts.map((text, at) => make("span", { class: "line" }, this.ends[at] > at ? this.handle(at) : "", make("span", {}, `${text}\n`)));
    code.replaceChildren(...this.lines);
    code.classList.add("lines");
    place.prepend(this.tools());
  }

  handle(at) {
    return make("button", { class: "fold", type: "button", "aria-expanded": "true", "aria-label": `${this.words.fold} ${at + 1}`, onclick: () => this.fold([at], !this.folded.has(at)) });
  }

  tools() {
    this.field = make("input", { type: "search", placeholder: this.words.find, "aria-label": this.words.find, autocomplete: "off", spellcheck: "false" });
    this.told = make("output", { class: "small muted num" });
    let timer = 0;
    this.field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search(), PAUSE);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      clearTimeout(timer);
      if (this.sought !== this.field.value) this.search();
      else this.go(event.shiftKey ? -1 : 1);
    });
    const step = (word, name, by) => make("button", { class: "button small ghost", type: "button", "aria-label": word, title: word, onclick: () => this.go(by) }, icon(sprite(), name));
    const heads = this.ends.flatMap((end, at) => (end > at ? [at] : []));
    const all = (word, isFolded) => make("button", { class: "button small", type: "button", onclick: () => this.fold(heads, isFolded) }, word);
    return make("div", { class: "row wrapping reader-tools" }, this.field, step(this.words.previous, "chevron-up", -1), step(this.words.next, "chevron-down", 1), this.told,
      ...(heads.length ? [make("span", { class: "grow" }), all(this.words.foldAll, true), all(this.words.unfoldAll, false)] : []));
  }

  fold(heads, isFolded) {
    for (const at of heads) {
      this.folded[isFolded ? "add" : "delete"](at);
      const line = this.lines[at];
      line.classList.toggle("is-folded", isFolded);
      line.querySelector(".fold").setAttribute("aria-expanded", String(!isFolded));
    }
    let until = -1;
    this.lines.forEach((line, at) => {
      line.hidden = at <= until;
      if (this.folded.has(at)) until = Math.max(until, this.ends[at]);
    });
  }

  search() {
    this.sought = this.field.value;
    const pattern = this.sought ? patternOf(this.sought) : null;
    this.hits = [];
    this.lines.forEach((line, at) => {
      const body = line.lastChild;
      const pieces = pattern ? [...this.texts[at].matchAll(pattern)].filter(([found]) => found) : [];
      if (!pieces.length) {
        if (body.childElementCount) body.replaceChildren(`${this.texts[at]}\n`);
        return;
      }
      let end = 0;
      const parts = [];
      for (const piece of pieces) {
        const mark = make("mark", {}, piece[0]);
        parts.push(this.texts[at].slice(end, piece.index), mark);
        end = piece.index + piece[0].length;
        this.hits.push({ at, mark });
      }
      body.replaceChildren(...parts, `${this.texts[at].slice(end)}\n`);
    });
    this.at = -1;
    this.told.textContent = this.sought ? "0 / 0" : "";
    if (this.hits.length) this.go(1);
  }

  go(by) {
    if (!this.hits.length) return;
    this.hits[this.at]?.mark.classList.remove("is-here");
    this.at = (this.at + by + this.hits.length) % this.hits.length;
    const { at, mark } = this.hits[this.at];
    this.fold([...this.folded].filter((head) => head < at && at <= this.ends[head]), false);
    mark.classList.add("is-here");
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.told.textContent = `${this.at + 1} / ${this.hits.length}`;
  }
}
