// One panel of a board: frame, menu, full screen, size, place, table twin. What it draws is its kind's business (`panel_*.js`, `media.js`):
// a kind has `load()` (fetch and draw), `redraw()` (draw what is there), `rest()` (let go of what is out of sight) and `rows()` (the twin).

import { icon, make, text } from "./dom.js";
import { problem, stages } from "./waiting.js";
import { say } from "./words.js";

export class Panel {
  constructor(board, spec) {
    this.board = board;
    this.note = make("span", { class: "panel-note small faint" });
    this.body = make("div", { class: "chart-body skeleton" });
    this.legend = make("div", { class: "chart-legend small" });
    this.title = make("span", { class: "chart-title cut" });
    this.head = make("figcaption", { class: "chart-head" });
    this.element = make("figure", { tabindex: "0" }, this.head, this.body, this.legend, this.note);
    this.element.panel = this;
    this.element.addEventListener("keydown", (event) => this.keys(event));
    this.update(spec);
  }

  /** Take another description; the next load draws it. */
  update(spec) {
    this.spec = spec;
    this.key = spec.key ?? spec.id;
    this.kind = spec.kind;
    const title = spec.title || spec.expr || (spec.keys ?? []).join(", ") || spec.match || this.key;
    this.name = title;
    this.element.className = `chart-panel kind-${spec.kind}${this.isTall() ? "" : " is-media"}${spec.wide > 1 ? ` wide-${Math.min(4, spec.wide)}` : ""}${spec.tall > 1 ? ` tall-${Math.min(3, spec.tall)}` : ""}`;
    this.element.dataset.key = this.key;
    this.element.dataset.panel = spec.id;
    this.element.setAttribute("aria-label", title);
    // A key says what it is at its end, a sentence at its beginning.
    this.title.classList.toggle("cut-start", !/\s/.test(title));
    this.title.replaceChildren(make("bdi", {}, title));
    this.title.title = spec.key && spec.key !== title ? `${title} · ${spec.key}` : title;
    this.head.replaceChildren(this.title);
    this.head.draggable = Boolean(this.board.document);
    const hadTools = this.hasTools;
    this.hasTools = false;
    if (hadTools) this.equip();
  }

  /** What a panel can be told to do is made when the panel comes near the viewport: a board has hundreds, a screen a dozen. */
  equip() {
    if (this.hasTools) return;
    this.hasTools = true;
    this.fillHead();
  }

  /** Whether the drawing fills a given height; media take what they need. */
  isTall() {
    return true;
  }

  button(symbol, label, work, extra = {}) {
    return make("button", { class: "button ghost small square", type: "button", "aria-label": `${say(label)}: ${this.name}`, title: say(label), onclick: work, ...extra }, icon(this.board.sprite, symbol));
  }

  fillHead() {
    const parts = [this.title];
    if (this.rows) parts.push(this.button("grid", "table", () => this.showTable()));
    if (this.board.alerts && this.watched()) parts.push(this.button("bell", "alert", () => this.alert()));
    parts.push(this.button("fit", "expand", () => this.expand(), { "data-expand": true }));
    if (this.entries().length) parts.push(this.menu());
    this.head.replaceChildren(...parts);
  }

  /** The one metric that the panel draws, to which a rule can be tied; empty when there is none or several. */
  watched() {
    const { kind, keys, key, match, expr } = this.spec;
    if (kind !== "line" || match || expr) return "";
    return (keys ? keys.length === 1 && keys[0] : key) || "";
  }

  /** Begin an automation on the metric of the panel. */
  alert() {
    const place = this.board.alerts ?? `${location.pathname.split("/").slice(0, 3).join("/")}/automations`;
    location.href = `${place}?metric=${encodeURIComponent(this.watched())}#new-automation`;
  }

  /** What the menu offers: [symbol, label, work, classes?], null for a line. Everything that a pointer can do by dragging is here too. */
  entries() {
    const { document: doc } = this.board;
    if (!doc) return [];
    const { id } = this.spec;
    const moves = (by) => () => this.board.rearrange(() => doc.move(this.board.listed(), id, by), id);
    const size = (name, by) => () => this.board.rearrange(() => doc.edit(id, { [name]: Math.max(1, Math.min(name === "wide" ? 4 : 3, (this.spec[name] ?? 1) + by)) }), id);
    return [
      ["edit", "edit panel", () => this.board.editPanel(this.spec)],
      ...(this.watched() ? [["bell", "alert", () => this.alert()]] : []),
      ["copy", "duplicate", () => this.board.rearrange(() => doc.duplicate(this.board.listed(), id), id)],
      ["chevron-left", "move earlier", moves(-1)], ["chevron-right", "move later", moves(1)],
      ["folder", "move to section", () => this.board.askSection(this.spec)],
      ["plus", "wider", size("wide", 1)], ["minus", "narrower", size("wide", -1)],
      ["arrow-down", "taller", size("tall", 1)], ["arrow-up", "shorter", size("tall", -1)],
      null, ["trash", "remove panel", () => this.board.rearrange(() => doc.remove(id)), "danger"],
    ];
  }

  menu() {
    const { sprite } = this.board;
    const entry = ([symbol, label, work, classes = ""]) => make("button", { type: "button", class: classes, onclick: () => {
      list.open = false;
      work();
    } }, icon(sprite, symbol), say(label));
    const body = make("div", { class: "menu-body" });
    const list = make("details", { class: "menu" },
      make("summary", { class: "button ghost small square", "aria-label": `${say("panel menu")}: ${this.name}` }, icon(sprite, "more")), body);
    list.addEventListener("toggle", () => {
      if (list.open && !body.firstChild) body.replaceChildren(...this.entries().map((one) => (one ? entry(one) : make("hr"))));
    });
    return list;
  }

  fail(error) {
    if (error.name === "AbortError") return;
    this.body.classList.remove("skeleton");
    this.clear();
    this.body.replaceChildren(problem(error, () => this.load()));
  }

  empty(message = say("nothing")) {
    this.clear();
    this.body.replaceChildren(make("div", { class: "empty small" }, message));
    this.note.textContent = "";
    this.legend.replaceChildren();
  }

  /** Run `work`, with a skeleton once it takes long; only the newest call may draw. Wishes of older calls are taken back. */
  async working(work) {
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    const slow = make("p", { class: "small muted waiting-reason", role: "status" }, text("slow"));
    const end = stages({
      show: () => this.body.classList.add("skeleton"), reason: () => this.body.prepend(slow),
      giveUp: () => abort.abort(new DOMException("no answer", "TimeoutError")),
    });
    try {
      await work(abort.signal);
    } catch (error) {
      if (this.abort === abort) this.fail(abort.signal.aborted ? abort.signal.reason : error);
    } finally {
      end();
      slow.remove();
      if (this.abort === abort) this.body.classList.remove("skeleton");
    }
  }

  /** Let go of the drawing. */
  clear() {}

  /** Out of sight: nothing is fetched any more, and coming back loads again. */
  rest() {
    this.abort?.abort();
    this.clear();
    this.isDrawn = false;
  }

  redraw() {}

  /** Draw the faint runs faintly, where runs are drawn one over the other. */
  fade() {}

  /** Say anew which runs are drawn: they have other names, groups or colours. */
  retell() {
    this.redraw();
  }

  resize() {}

  keys(event) {
    if (event.target !== this.element) return;
    if (event.key === "Enter" && !this.element.closest("dialog")) {
      event.preventDefault();
      this.expand();
    } else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && event.altKey && this.board.document) {
      event.preventDefault();
      this.board.rearrange(() => this.board.document.move(this.board.listed(), this.spec.id, event.key === "ArrowLeft" ? -1 : 1), this.spec.id);
    }
  }

  showTable() {
    if (this.table) {
      this.table.remove();
      this.table = null;
      return;
    }
    this.table = make("div", { class: "table-box chart-table", tabindex: "0", role: "region", "aria-label": `${say("table")}: ${this.name}` });
    this.element.append(this.table);
    this.fillTable();
  }

  fillTable() {
    if (!this.table) return;
    const { head, rows } = this.rows();
    const cells = rows.map(([first, ...rest]) => make("tr", {}, make("th", { scope: "row", class: "cut" }, first), ...rest.map((value) => make("td", { class: "num" }, value))));
    this.table.replaceChildren(make("table", { class: "table compact" }, make("thead", {}, make("tr", {}, ...head.map((word, at) => make("th", { scope: "col", class: at ? "right" : "" }, word)))), make("tbody", {}, ...cells)));
  }

  /** Full screen; the arrow keys and two buttons go to the panels beside it. */
  expand() {
    this.equip();
    const panels = this.board.shown();
    const at = panels.indexOf(this);
    const dialog = make("dialog", { class: "chart-dialog", "aria-label": this.name });
    const place = make("div", { class: "chart-place" });
    this.element.replaceWith(place);
    let isOpen = true;
    const putBack = () => {
      if (!isOpen) return;
      isOpen = false;
      place.replaceWith(this.element);
      dialog.remove();
      this.redraw();
      this.element.focus();
    };
    const step = (by) => {
      dialog.close();
      putBack(); // the event comes later, and the next panel counts those that are in their places
      panels[(at + by + panels.length) % panels.length].expand();
    };
    const { sprite } = this.board;
    dialog.append(make("div", { class: "body" }, this.element, make("footer", {},
      make("button", { class: "button square", type: "button", "aria-label": say("previous panel"), onclick: () => step(-1) }, icon(sprite, "chevron-left")),
      make("span", { class: "num small muted" }, `${at + 1} / ${panels.length}`),
      make("button", { class: "button square", type: "button", "aria-label": say("next panel"), onclick: () => step(1) }, icon(sprite, "chevron-right")),
      make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("close")))));
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select, audio, video") || event.altKey || event.shiftKey) return;
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.stopPropagation();
        step(event.key === "ArrowLeft" ? -1 : 1);
      }
    }, true);
    dialog.addEventListener("close", putBack);
    document.body.append(dialog);
    dialog.showModal();
    if (this.isDrawn) this.redraw();
    this.isDrawn = true;
    this.load();
  }
}
