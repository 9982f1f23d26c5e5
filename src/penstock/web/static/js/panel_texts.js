// Panels of texts: notes in Markdown, which the server turns into HTML, and what differs in the code of two runs.

import { make } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { Panel } from "./panel.js";
import { say } from "./words.js";

export class NotesPanel extends Panel {
  isTall() {
    return false;
  }

  async load() {
    await this.working(async (signal) => {
      const answer = await fetch("/ui/tracking/markdown", { method: "POST", credentials: "same-origin", headers: { "content-type": "text/plain" }, body: this.spec.text ?? "", signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok) throw new Error(String(answer.status));
      this.body.replaceChildren(make("div", { class: "prose" }, ...page.body.childNodes));
    });
  }
}

/** Unified differences, file by file, from one run to another: the baseline and the next one drawn, unless others are picked. */
export class CodePanel extends Panel {
  retell() {
    this.load();
  }

  isTall() {
    return false;
  }

  async load() {
    const runs = [...this.board.visible()].sort((a, b) => Number(Boolean(b.isBaseline)) - Number(Boolean(a.isBaseline)));
    const pick = (id, other) => runs.find((run) => run.id === id) ?? runs.find((run) => run !== other);
    this.before = pick(this.before?.id, null);
    this.after = pick(this.after?.id === this.before?.id ? null : this.after?.id, this.before);
    if (!this.before || !this.after) {
      this.empty(say("two runs"));
      return;
    }
    await this.working(async (signal) => {
      const answer = await fetchJson(`/ui/tracking/code?runs=${this.before.id},${this.after.id}`, { signal });
      const chooser = (name, label) => {
        const select = make("select", { "aria-label": `${say(label)}: ${this.name}`, onchange: () => {
          const other = name === "before" ? "after" : "before";
          const chosen = runs.find((run) => run.id === select.value);
          if (chosen.id === this[other].id) this[other] = this[name];
          this[name] = chosen;
          this.load();
        } }, ...runs.map((run) => make("option", { value: run.id, selected: run === this[name] }, run.name)));
        return select;
      };
      const choice = make("div", { class: "row wrapping tight" }, chooser("before", "before"), "→", chooser("after", "after"));
      this.body.replaceChildren(choice, ...answer.files.map((file, at) => changed(file, at === 0)));
      if (!answer.files.length) this.body.append(make("p", { class: "small muted" }, say(answer.counts.some(Boolean) ? "same code" : "no code")));
      this.note.textContent = answer.same.length ? say("same files", { count: answer.same.length }) : "";
    });
  }
}

function changed({ name, lines }, isOpen) {
  const marked = lines.map((line) => make("span", { class: `patch-line${line.startsWith("+") ? " is-added" : line.startsWith("-") ? " is-dropped" : ""}` }, line));
  return make("details", { class: "code-file", open: isOpen }, make("summary", { class: "mono small" }, name), make("pre", { class: "patch", tabindex: "0", "aria-label": name }, ...marked.flatMap((line) => [line, "\n"])));
}
