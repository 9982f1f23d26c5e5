// The console of a tracked run: the end first, earlier lines as the reader scrolls up, new ones while the program runs. Only a window of
// lines is in the page. Search is the server's, and so is the choice of one writer of a shared run.

import { make } from "./dom.js";
import { drawLine, openLog } from "./logs.js";
import { ask } from "./waiting.js";
import { say } from "./words.js";

const PAGE = 500;
const KEEP = 4000;
const PAUSE = 1000;

class Console {
  constructor(root) {
    this.root = root;
    this.base = root.dataset.console;
    this.label = root.dataset.label;
    this.isRunning = root.dataset.running === "yes";
    this.view = root.querySelector("[data-log-view]");
    this.lines = root.querySelector("[data-log-lines]");
    this.empty = root.querySelector("[data-log-empty]");
    this.first = 0;
    this.last = -1;
    this.isAtEnd = true;
    this.isFollowing = true;
    this.matches = [];
    this.matchAt = -1;
  }

  async fetch(parameters) {
    const query = new URLSearchParams(this.label ? { ...parameters, label: this.label } : parameters);
    const answer = await ask(`${this.base}?${query}`, { headers: { accept: "application/json" } });
    return answer.json();
  }

  async open() {
    const anchor = /^#L(\d+)/.exec(location.hash);
    if (anchor) await this.goTo(Number(anchor[1]) - 1);
    else await this.end();
    this.poll();
  }

  element([number, text, time, isError, label]) {
    const line = drawLine(text, number);
    if (isError) line.classList.add("is-stderr");
    const content = line.querySelector(".log-text");
    if (label) content.prepend(make("span", { class: "log-label" }, `[${label}] `));
    if (time) content.before(make("span", { class: "log-time faint" }, time.replace("T", " ").slice(0, 23)));
    return line;
  }

  async end() {
    this.aim = null;
    const page = await this.fetch({ last: PAGE, limit: PAGE });
    if (this.aim !== null) return;
    this.lines.replaceChildren(...page.lines.map((line) => this.element(line)));
    this.first = page.lines[0]?.[0] ?? 0;
    this.last = page.lines.at(-1)?.[0] ?? -1;
    this.hasEarlier = page.lines.length === PAGE;
    this.isAtEnd = true;
    this.empty.hidden = page.lines.length > 0;
    if (!page.lines.length && !this.isRunning) this.empty.textContent = say("empty log");
    if (this.isFollowing) this.view.scrollTop = this.view.scrollHeight;
  }

  async earlier() {
    if (this.isLoading || !this.hasEarlier) return;
    this.isLoading = true;
    try {
      const { first } = this;
      const page = await this.fetch({ before: first, limit: PAGE });
      if (first !== this.first) return; // other lines are shown by now
      this.hasEarlier = page.lines.length === PAGE;
      if (!page.lines.length) return;
      this.first = page.lines[0][0];
      const height = this.view.scrollHeight;
      this.lines.prepend(...page.lines.map((line) => this.element(line)));
      this.view.scrollTop += this.view.scrollHeight - height;
      while (this.lines.childElementCount > KEEP) {
        this.lines.lastChild.remove();
        this.isAtEnd = false;
      }
      this.last = Number(this.lines.lastChild.dataset.line);
    } finally {
      this.isLoading = false;
    }
  }

  async later() {
    if (this.isLoading) return false;
    this.isLoading = true;
    try {
      const { last } = this;
      const page = await this.fetch({ after: last, limit: PAGE });
      if (last !== this.last) return false;
      if (page.lines.length) {
        this.lines.append(...page.lines.map((line) => this.element(line)));
        this.last = page.lines.at(-1)[0];
        this.empty.hidden = true;
        while (this.lines.childElementCount > KEEP) {
          this.lines.firstChild.remove();
          this.hasEarlier = true;
        }
        this.first = Number(this.lines.firstChild.dataset.line);
      }
      this.isAtEnd = !page.has_next;
      return page.lines.length > 0;
    } finally {
      this.isLoading = false;
    }
  }

  async poll() {
    if (!this.root.isConnected) return;
    try {
      if (!document.hidden && this.isAtEnd && (await this.later()) && this.isFollowing) this.view.scrollTop = this.view.scrollHeight;
    } catch {
      // the badge of the frame says that the server is away
    }
    if (this.isRunning) setTimeout(() => this.poll(), PAUSE);
  }

  async goTo(number) {
    this.follow(false);
    this.aim = number;
    let line = this.lines.querySelector(`[data-line="${number}"]`);
    if (!line) {
      const page = await this.fetch({ after: Math.max(-1, number - 200), limit: PAGE });
      if (this.aim !== number) return;
      this.lines.replaceChildren(...page.lines.map((entry) => this.element(entry)));
      this.first = page.lines[0]?.[0] ?? 0;
      this.last = page.lines.at(-1)?.[0] ?? -1;
      this.hasEarlier = this.first > 0;
      this.isAtEnd = !page.has_next;
      this.empty.hidden = page.lines.length > 0;
      line = this.lines.querySelector(`[data-line="${number}"]`);
    }
    for (const other of this.lines.querySelectorAll(".is-marked")) other.classList.remove("is-marked");
    line?.classList.add("is-marked");
    line?.scrollIntoView({ block: "center" });
  }

  follow(isOn) {
    this.isFollowing = isOn;
    this.root.querySelector("[data-log-follow]").setAttribute("aria-pressed", String(isOn));
  }

  async search(text) {
    const status = this.root.querySelector("[data-log-matches]");
    this.sought = text;
    this.matches = [];
    this.matchAt = -1;
    if (!text) {
      status.textContent = "";
      return;
    }
    const found = await this.fetch({ q: text });
    if (this.sought !== text) return;
    this.matches = found.matches;
    status.textContent = this.matches.length ? `${this.matches.length}${found.is_cut ? "+" : ""} ${say("lines")}` : say("no matches");
  }

  step(by) {
    if (!this.matches.length) return;
    this.matchAt = (this.matchAt + by + this.matches.length) % this.matches.length;
    this.root.querySelector("[data-log-matches]").textContent = `${this.matchAt + 1}/${this.matches.length}`;
    this.goTo(this.matches[this.matchAt]);
  }

  bind() {
    const find = (name) => this.root.querySelector(`[data-log-${name}]`);
    this.view.addEventListener("scroll", () => {
      const isLow = this.view.scrollTop + this.view.clientHeight >= this.view.scrollHeight - 24;
      if (!isLow && this.isFollowing) this.follow(false);
      if (this.view.scrollTop < 200) this.earlier();
      if (isLow && !this.isAtEnd) this.later();
    }, { passive: true });
    find("follow").addEventListener("click", () => {
      this.follow(!this.isFollowing);
      if (this.isFollowing) this.end();
    });
    find("wrap").addEventListener("click", (event) => event.currentTarget.setAttribute("aria-pressed", String(this.view.classList.toggle("wraps"))));
    find("stderr").addEventListener("change", (event) => this.view.classList.toggle("only-stderr", event.target.checked));
    find("times").addEventListener("change", (event) => this.view.classList.toggle("with-times", event.target.checked));
    find("next").addEventListener("click", () => this.step(1));
    find("previous").addEventListener("click", () => this.step(-1));
    const field = find("search");
    let timer = null;
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search(field.value), 300);
    });
    field.addEventListener("keydown", async (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      clearTimeout(timer);
      if (!this.matches.length || this.sought !== field.value) await this.search(field.value);
      this.step(event.shiftKey ? -1 : 1);
    });
    this.lines.addEventListener("click", (event) => {
      const number = event.target.closest(".log-number");
      if (!number) return;
      history.replaceState(history.state, "", `#L${Number(number.parentElement.dataset.line) + 1}`);
      for (const other of this.lines.querySelectorAll(".is-marked")) other.classList.remove("is-marked");
      number.parentElement.classList.add("is-marked");
    });
  }
}

for (const root of document.querySelectorAll("[data-console]")) {
  const view = new Console(root);
  view.bind();
  openLog(view);
}
