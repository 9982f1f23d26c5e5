// Looking for tasks in a graph: among the boxes that are drawn, and by the server in groups that are closed.

import { text } from "./dom.js";
import { ask } from "./waiting.js";

const PAUSE = 250;

export class GraphSearch {
  constructor(view) {
    this.view = view;
    this.source = view.root.dataset.matches;
    this.wanted = "";
    this.matches = [];
    this.at = -1;
    this.closed = new Map();
    this.more = 0;
  }

  get field() {
    return document.getElementById("graph-search");
  }

  bind() {
    document.getElementById("graph-search-previous")?.addEventListener("click", () => this.go(-1));
    document.getElementById("graph-search-next")?.addEventListener("click", () => this.go(1));
    this.field?.addEventListener("input", () => this.changed());
    this.field?.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.go(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape") {
        this.field.value = "";
        this.changed();
        this.view.root.focus();
      }
    });
  }

  changed() {
    this.view.remember();
    this.update();
  }

  /** Mark and count what matches; called whenever the graph was drawn, too. */
  update() {
    const wanted = (this.field?.value ?? "").trim().toLowerCase();
    const current = wanted === this.wanted ? this.matches[this.at] : undefined;
    if (wanted !== this.wanted) this.askFor(wanted);
    this.wanted = wanted;
    this.matches = [];
    for (const [id, { element, box }] of this.view.nodes) {
      const isHit = wanted !== "" && `${box.node.name} ${box.node.component}`.toLowerCase().includes(wanted);
      element.classList.toggle("is-match", isHit);
      if (isHit && !this.closed.has(id)) this.matches.push(id);
    }
    this.matches.push(...this.closed.keys()); // in the server's order, drawn or not, so that walking them comes to an end
    this.at = this.matches.indexOf(current);
    this.count();
  }

  /** Ask the server what lies in closed groups; the drawn ones are known at once. */
  askFor(wanted) {
    clearTimeout(this.timer);
    this.closed = new Map();
    this.more = 0;
    if (!wanted || !this.source) return;
    this.timer = setTimeout(async () => {
      try {
        const address = new URL(this.source, location.href);
        address.searchParams.set("q", wanted);
        const { matches, more } = await (await ask(address)).json();
        if (wanted !== this.wanted) return;
        const { layer } = this.view;
        const inside = layer ? matches.filter(({ trail }) => trail.some(({ id }) => id === layer)) : matches;
        this.closed = new Map(inside.map((match) => [match.id, match]));
        this.more = layer ? 0 : more;
        this.update();
      } catch {
        // The drawn ones stay found; the next letter asks again.
      }
    }, PAUSE);
  }

  count() {
    const count = document.getElementById("graph-search-count");
    const place = this.at < 0 ? "" : `${this.at + 1}/`;
    if (count) count.textContent = this.wanted ? `${place}${this.matches.length}${this.more ? "+" : ""} ${text("matches")}` : "";
    for (const name of ["previous", "next"]) {
      const button = document.getElementById(`graph-search-${name}`);
      if (button) button.disabled = !this.matches.length;
    }
  }

  async go(step) {
    if (!this.matches.length) return;
    const from = this.at < 0 && step < 0 ? 0 : this.at;
    this.at = (from + step + this.matches.length) % this.matches.length;
    const id = this.matches[this.at];
    const match = this.closed.get(id);
    if (match && !this.view.nodes.has(id)) {
      try {
        await this.view.openAlong(match.trail, match.cluster, id);
      } catch (error) {
        this.view.fail(error);
        return;
      }
      this.at = this.matches.indexOf(id);
    }
    this.count();
    if (this.view.nodes.has(id)) this.view.center(id);
    else if (match?.cluster) this.view.center(match.cluster); // where its cluster is closed again
  }
}
