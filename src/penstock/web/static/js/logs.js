// The log viewer: the end first, earlier windows as the reader scrolls up, follows while the task runs, searches on the server.
// Bytes become text nodes only; colours (ANSI) become classes. Progress lines that rewrite themselves show their last form.

import { LineTimes } from "./log_times.js";
import { isTyping, make, text } from "./dom.js";
import { ask, waitAt, why } from "./waiting.js";

const KEEP = 6000;
const FOLLOW_PAUSE = 700;
const LEVEL = /\b(ERROR|CRITICAL|FATAL|Traceback|Exception|WARN(?:ING)?|DEBUG)\b|^\w*Error\b/;
const ERRORS = "\\b(error|critical|fatal|traceback|exception)\\b|\\b\\w+Error:";

class LogView {
  constructor(root) {
    this.root = root;
    this.base = root.dataset.log;
    this.attempt = Number(root.dataset.attempt);
    this.isRunning = root.dataset.running === "yes";
    this.view = root.querySelector("[data-log-view]");
    this.lines = root.querySelector("[data-log-lines]");
    this.empty = root.querySelector("[data-log-empty]");
    this.lost = root.querySelector("[data-log-lost]");
    this.start = 0;
    this.end = 0;
    this.firstLine = 0;
    this.rest = new Uint8Array();
    this.isFollowing = true;
    this.matches = [];
    this.matchAt = -1;
    this.searching = 0;
    this.polling = 0;
    this.timer = null;
    this.times = new LineTimes(root, (from, to) => this.address({ from, to }, "/times"));
  }

  async open() {
    const anchor = /^#L(\d+)(?:-L?(\d+))?/.exec(location.hash);
    if (anchor) {
      await this.goToLine(Number(anchor[1]) - 1);
      this.mark(Number(anchor[1]) - 1, Number(anchor[2] ?? anchor[1]) - 1);
      if (!this.isTailCut) this.poll();
      return;
    }
    await this.loadEnd();
    this.poll();
  }

  address(parameters, path = "") {
    return `${this.base}${path}?${new URLSearchParams({ attempt: this.attempt, ...parameters })}`;
  }

  async fetchWindow(parameters) {
    const answer = await ask(this.address(parameters));
    const head = (name) => Number(answer.headers.get(`x-log-${name}`));
    const part = { offset: head("offset"), size: head("size"), line: head("line"), bytes: new Uint8Array(await answer.arrayBuffer()), stderr: [] };
    if (head("stderr")) {
      const streams = await fetch(this.address({ from: part.offset, to: part.offset + part.bytes.length }, "/streams"), { credentials: "same-origin" });
      if (streams.ok) part.stderr = (await streams.json()).stderr;
    }
    return part;
  }

  async loadEnd() {
    this.aim = null;
    const part = await this.fetchWindow({});
    if (this.aim !== null) return;
    this.reset(part);
    this.append(part);
    if (this.isFollowing) this.view.scrollTop = this.view.scrollHeight;
  }

  reset(part) {
    this.lines.replaceChildren();
    this.start = part.offset;
    this.end = part.offset;
    this.firstLine = Math.max(0, part.line);
    this.nextLine = this.firstLine;
    this.rest = new Uint8Array();
    this.restErrors = [];
    this.tail = null;
    this.lines.classList.toggle("is-uncounted", part.line < 0);
    this.counting = part.line < 0 ? this.count(part.offset) : null;
  }

  /** A very large log comes before its lines are counted; their numbers follow. */
  async count(offset) {
    const answer = await fetch(this.address({ offset }, "/line-number"), { credentials: "same-origin" });
    if (!answer.ok || this.start > offset || !this.lines.classList.contains("is-uncounted")) return;
    const { line } = await answer.json();
    for (const element of this.lines.children) {
      const number = Number(element.dataset.line) + line;
      element.dataset.line = String(number);
      element.querySelector(".log-number").textContent = String(number + 1);
    }
    this.firstLine += line;
    this.nextLine += line;
    this.lines.classList.remove("is-uncounted");
  }

  /** Take bytes that follow what is shown; an unfinished last line is redrawn when its rest comes. */
  append({ bytes, stderr }) {
    if (!bytes.length) {
      this.empty.hidden = this.lines.childElementCount > 0;
      return;
    }
    const all = new Uint8Array(this.rest.length + bytes.length);
    all.set(this.rest);
    all.set(bytes, this.rest.length);
    this.end += bytes.length;
    const cut = all.lastIndexOf(10) + 1;
    this.tail?.remove();
    this.tail = null;
    const fragment = document.createDocumentFragment();
    const start = this.end - all.length;
    const isError = errorsIn([...(this.restErrors ?? []), ...stderr]);
    if (cut) {
      const starts = lineStarts(all, cut);
      decode(all.subarray(0, cut - 1)).split("\n").forEach((line, index) => fragment.append(lineAt(start + starts[index], line, this.nextLine++, isError)));
    }
    this.rest = all.slice(cut);
    this.restErrors = this.rest.length && isError(start + cut) ? [[start + cut, start + cut + 1]] : [];
    if (this.rest.length) {
      this.tail = lineAt(start + cut, decode(this.rest.subarray(Math.max(0, this.rest.length - 20000))), this.nextLine, isError);
      fragment.append(this.tail);
    }
    const before = this.lines.childElementCount;
    this.lines.append(fragment);
    this.trim(true, this.isFollowing ? Infinity : Math.max(0, before - KEEP / 2)); // not what the reader looks at
    this.trim(false);
    this.empty.hidden = true;
    this.times.fill();
  }

  trim(fromStart, most = Infinity) {
    const extra = Math.min(most, this.lines.childElementCount - KEEP);
    if (extra <= 0) return;
    const before = this.view.scrollHeight;
    if (!fromStart) {
      // What follows is fetched again from where it is cut.
      const { offset, line } = this.lines.children[KEEP].dataset;
      Object.assign(this, { end: Number(offset), nextLine: Number(line), rest: new Uint8Array(), restErrors: [], isTailCut: true, tail: null });
    }
    for (let i = 0; i < extra; i += 1) (fromStart ? this.lines.firstChild : this.lines.lastChild).remove();
    if (fromStart) {
      this.firstLine += extra;
      this.isTrimmed = true;
      if (!this.isFollowing) this.view.scrollTop -= before - this.view.scrollHeight;
    }
  }

  /** Load lines before those that are there; who asks while they come waits for them, too. */
  loadEarlier() {
    return (this.loading ??= this.prepend().finally(() => { this.loading = null; }));
  }

  async prepend() {
    if (this.start === 0 && !this.isTrimmed) return;
    if (this.isTrimmed) {
      await this.goToLine(Math.max(0, this.firstLine - 1), false);
      return;
    }
    const { start } = this;
    const length = Math.min(262144, start);
    const part = await this.fetchWindow({ offset: start - length, length, align: start - length > 0 ? 1 : 0 });
    if (start !== this.start) return; // other lines are shown by now
    const fragment = document.createDocumentFragment();
    const shown = decode(part.bytes).replace(/\n$/, "").split("\n");
    const first = part.line < 0 ? this.firstLine - shown.length : part.line;
    const starts = lineStarts(part.bytes, part.bytes.length);
    const isError = errorsIn(part.stderr);
    const left = Math.max(0, shown.length - KEEP / 2); // of short lines not all, else what the reader looks at would have to go
    shown.slice(left).forEach((content, index) => fragment.append(lineAt(part.offset + starts[left + index], content, first + left + index, isError)));
    const height = this.view.scrollHeight;
    this.lines.prepend(fragment);
    this.view.scrollTop += this.view.scrollHeight - height;
    this.start = part.offset + starts[left];
    this.firstLine = first + left;
    this.trim(false);
    this.times.fill();
  }

  /** Show the surroundings of line `number` (0-based). */
  async goToLine(number, mark = true) {
    this.follow(false);
    this.aim = number;
    let element = this.lines.querySelector(`[data-line="${number}"]`);
    if (!element) {
      const offset = await this.offsetOf(number);
      const from = Math.max(0, offset - 16384);
      const part = await this.fetchWindow({ offset: from, length: 524288, align: from ? 1 : 0 });
      if (this.aim !== number) return;
      this.reset(part);
      this.isTrimmed = false;
      this.append(part);
      this.isTailCut = this.end < part.size;
      await this.counting;
      element = this.lines.querySelector(`[data-line="${number}"]`);
    }
    element?.scrollIntoView({ block: "center" });
    if (mark) this.mark(number, number);
  }

  async offsetOf(number) {
    const match = this.matches.find((candidate) => candidate.line === number);
    if (match) return match.offset;
    const answer = await fetch(this.address({ line: number }, "/line"), { credentials: "same-origin" });
    return answer.ok ? (await answer.json()).offset : 0;
  }

  async poll() {
    clearTimeout(this.timer);
    const mine = (this.polling += 1); // one goes on, whoever began others
    if (!this.root.isConnected) return;
    try {
      if (!document.hidden && !this.isTailCut) {
        const { end } = this;
        const part = await this.fetchWindow({ offset: end, align: 0 });
        this.lost.hidden = true;
        if (part.bytes.length && end === this.end) {
          this.append(part);
          if (this.isFollowing) this.view.scrollTop = this.view.scrollHeight;
          else this.isTailCut = this.end < part.size; // the reader scrolls on, at their own pace
        } else if (!this.isRunning) return;
        else this.times.fill();
      }
    } catch {
      this.lost.hidden = false; // and go on trying
    }
    if (mine === this.polling) this.timer = setTimeout(() => this.poll(), FOLLOW_PAUSE);
  }

  follow(isOn) {
    this.isFollowing = isOn;
    this.root.querySelector("[data-log-follow]")?.setAttribute("aria-pressed", String(isOn));
  }

  async search(pattern, isRegex, jump) {
    const status = this.root.querySelector("[data-log-matches]");
    this.searching += 1;
    const mine = this.searching;
    this.matches = [];
    this.matchAt = -1;
    if (!pattern) {
      status.textContent = "";
      return;
    }
    let found = { next: 0, next_line: 0 };
    while (found.next !== null && !found.is_cut && this.matches.length < 500) {
      const asked = this.address({ q: pattern, regex: isRegex ? 1 : 0, from: found.next, from_line: found.next_line }, "/search");
      found = { next: null, matches: [], ...(await ask(asked).then((answer) => answer.json()).catch((error) => ({ error: why(error) }))) };
      if (mine !== this.searching) return;
      this.matches.push(...found.matches);
      this.isCut = Boolean(found.is_cut);
      if (jump && this.matches.length && this.matchAt < 0) this.step(1); // while the rest of a large log is looked through
      if (found.next) status.textContent = `${this.told} …`;
    }
    status.textContent = (found.error && text(found.error)) ?? (this.matches.length ? this.told : text("no matches"));
  }

  /** How many matches there are, `+` for more, and which of them the reader is at. */
  get told() {
    const count = `${this.matches.length}${this.isCut ? "+" : ""}`;
    return this.matchAt < 0 ? `${count} ${text("matches")}` : `${this.matchAt + 1}/${count}`;
  }

  step(direction) {
    if (!this.matches.length) return;
    this.matchAt = (this.matchAt + direction + this.matches.length) % this.matches.length;
    this.root.querySelector("[data-log-matches]").textContent = this.told;
    this.goToLine(this.matches[this.matchAt].line);
  }

  bind() {
    const find = (name) => this.root.querySelector(`[data-log-${name}]`);
    this.view.addEventListener("scroll", () => {
      const isAtEnd = this.view.scrollTop + this.view.clientHeight >= this.view.scrollHeight - 24;
      if (!isAtEnd && this.isFollowing && this.isRunning) this.follow(false);
      if (this.view.scrollTop < 200) this.loadEarlier();
      if (isAtEnd && this.isTailCut) {
        this.isTailCut = false;
        this.poll();
      }
    }, { passive: true });
    find("follow").addEventListener("click", async () => {
      this.follow(!this.isFollowing);
      if (this.isFollowing) {
        if (this.isTailCut) {
          this.isTailCut = false;
          await this.loadEnd();
        }
        this.view.scrollTop = this.view.scrollHeight;
        this.poll();
      }
    });
    find("wrap").addEventListener("click", (event) => {
      const isOn = this.view.classList.toggle("wraps");
      event.currentTarget.setAttribute("aria-pressed", String(isOn));
    });
    find("copy")?.addEventListener("click", (event) => { event.currentTarget.dataset.copy = this.shown(); });
    find("save")?.addEventListener("click", ({ currentTarget }) => {
      const address = URL.createObjectURL(new Blob([`${this.shown()}\n`], { type: "text/plain;charset=utf-8" }));
      make("a", { href: address, download: currentTarget.dataset.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    });
    find("stream").addEventListener("change", (event) => this.choose(event.target.value));
    find("error").addEventListener("click", () => this.search(ERRORS, true, true));
    find("next").addEventListener("click", () => this.step(1));
    find("previous").addEventListener("click", () => this.step(-1));
    const field = find("search");
    let timer = null;
    const run = (jump) => {
      const regex = /^\/(.+)\/?$/.exec(field.value);
      return this.search(regex ? regex[1].replace(/\/$/, "") : field.value, Boolean(regex), jump);
    };
    field.addEventListener("input", () => {
      this.matches = []; // what Enter goes through is of these words, not of those before
      this.matchAt = -1;
      this.searching += 1;
      clearTimeout(timer);
      timer = setTimeout(() => run(false), 300);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        clearTimeout(timer);
        if (this.matches.length && this.matchAt >= 0) this.step(event.shiftKey ? -1 : 1);
        else run(true);
      } else if (event.key === "Escape") {
        event.stopPropagation();
        field.value = "";
        this.search("", false, false);
        this.view.focus();
      }
    });
    this.root.addEventListener("keydown", (event) => {
      if ((event.key === "n" || event.key === "N") && !isTyping(event) && !event.ctrlKey && !event.metaKey && !event.altKey) this.step(event.key === "n" ? 1 : -1);
    });
    this.lines.addEventListener("click", (event) => {
      const number = event.target.closest(".log-number");
      if (!number) return;
      const here = Number(number.parentElement.dataset.line);
      const from = event.shiftKey && this.marked !== undefined ? Math.min(this.marked, here) : here;
      const to = event.shiftKey && this.marked !== undefined ? Math.max(this.marked, here) : here;
      if (!event.shiftKey) this.marked = here;
      history.replaceState(history.state, "", from === to ? `#L${from + 1}` : `#L${from + 1}-L${to + 1}`);
      this.mark(from, to);
    });
  }

  /** The text of the lines marked, or of all lines loaded that the stream shown has. */
  shown() {
    const lines = this.stream === "system" ? [...this.root.querySelectorAll("[data-log-system] li")] : [...this.lines.children].filter((line) => line.checkVisibility());
    const marked = lines.filter((line) => line.classList.contains("is-marked"));
    return (marked.length ? marked : lines).map((line) => (line.querySelector(".log-text") ?? line).textContent).join("\n");
  }

  /** Show one stream only. What hides most of the lines at hand fetches earlier ones, as far as they are kept. */
  async choose(stream) {
    this.stream = stream;
    this.lines.classList.toggle("shows-stdout", stream === "stdout");
    this.lines.classList.toggle("shows-stderr", stream === "stderr");
    this.view.hidden = stream === "system";
    const download = this.root.querySelector("[data-log-download]");
    const file = new URL(download.href);
    file.searchParams.delete("stream");
    if (["stdout", "stderr"].includes(stream)) file.searchParams.set("stream", stream);
    download.href = file.href;
    this.root.querySelector("[data-log-system]").hidden = stream !== "system";
    while (this.stream === stream && ["stdout", "stderr"].includes(stream) && this.start > 0 && !this.isTailCut
      && this.view.scrollHeight <= this.view.clientHeight && this.lines.childElementCount < KEEP / 2) await this.loadEarlier();
    const isNothing = ["stdout", "stderr"].includes(stream) && ![...this.lines.children].some((line) => line.classList.contains("is-stderr") === (stream === "stderr"));
    this.root.querySelector("[data-log-none]").hidden = !isNothing;
    if (this.isFollowing) this.view.scrollTop = this.view.scrollHeight;
  }

  /** Mark lines `from` to `to` (0-based), as the address names them. */
  mark(from, to) {
    for (const element of this.lines.children) {
      const number = Number(element.dataset.line);
      element.classList.toggle("is-marked", number >= from && number <= to);
    }
  }
}

/** Offsets at which the lines of `bytes` begin, up to `end`. */
function lineStarts(bytes, end) {
  const starts = [0];
  for (let at = bytes.indexOf(10); at >= 0 && at < end - 1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}

/** Whether the byte at an offset of the log went to stderr; asked in rising order. */
function errorsIn(spans) {
  let at = 0;
  return (offset) => {
    while (at < spans.length && spans[at][1] <= offset) at += 1;
    return at < spans.length && spans[at][0] <= offset;
  };
}

/** One line that begins at an offset of the log. */
function lineAt(offset, raw, number, isError) {
  const line = drawLine(raw, number, isError(offset));
  line.dataset.offset = String(offset);
  return line;
}

const decoder = new TextDecoder("utf-8", { fatal: false });
function decode(bytes) {
  return decoder.decode(bytes);
}

/** One line: number and text, colours as classes; a carriage return starts the line anew. */
export function drawLine(raw, number, isError = false) {
  const clean = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
  const shown = clean.includes("\r") ? clean.slice(clean.lastIndexOf("\r") + 1) : clean;
  const content = make("span", { class: "log-text" });
  const isLong = shown.length > 20000;
  paint(content, isLong ? shown.slice(0, 20000) : shown);
  if (isLong) content.append(make("span", { class: "faint" }, ` … ${shown.length - 20000} ${text("truncated")}`));
  const level = LEVEL.exec(shown.slice(0, 400));
  const kind = level ? (/^WARN/.test(level[1] ?? "") ? " is-warning" : level[1] === "DEBUG" ? " is-debug" : " is-error") : "";
  return make("div", { class: `log-line${kind}${isError ? " is-stderr" : ""}`, "data-line": String(number) }, make("span", { class: "log-number", "aria-hidden": "true" }, String(number + 1)), content);
}

const ANSI = /\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]/g;

function paint(place, raw) {
  if (!raw.includes("\x1b")) {
    place.textContent = raw.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "");
    return;
  }
  let style = [];
  let at = 0;
  const put = (piece) => {
    if (!piece) return;
    place.append(style.length ? make("span", { class: style.join(" ") }, piece) : piece);
  };
  for (const match of raw.matchAll(ANSI)) {
    put(raw.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[1] !== undefined) style = restyle(style, match[1]);
  }
  put(raw.slice(at));
}

function restyle(style, codes) {
  let next = [...style];
  for (const code of (codes || "0").split(";").map(Number)) {
    if (code === 0) next = [];
    else if (code === 1) next.push("ansi-bold");
    else if (code === 2) next.push("ansi-dim");
    else if (code === 3) next.push("ansi-italic");
    else if (code === 4) next.push("ansi-underline");
    else if (code === 22) next = next.filter((name) => name !== "ansi-bold" && name !== "ansi-dim");
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) next = [...next.filter((name) => !name.startsWith("ansi-fg")), `ansi-fg-${code % 10}`];
    else if (code === 39) next = next.filter((name) => !name.startsWith("ansi-fg"));
  }
  return next;
}

/** Show the log, or why it cannot be shown and a way to try again. */
export async function openLog(log) {
  const opened = await waitAt(log.view, () => log.open().then(() => true), () => openLog(log), { bars: 0 });
  if (!opened) log.empty.hidden = true;
}

/** Start every viewer inside `root` that is not running yet. */
export function startLogs(root) {
  for (const element of root.querySelectorAll("[data-log]")) {
    if (element.dataset.started) continue;
    element.dataset.started = "yes";
    const view = new LogView(element);
    view.bind();
    openLog(view);
  }
}
