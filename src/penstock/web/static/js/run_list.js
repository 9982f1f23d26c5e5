// The list of runs beside the panels. It goes on while it is scrolled, up to 10,000 runs, in the groups that are there already; live updates
// are put into it row by row. Runs that the reader chose (drawn, pinned, the baseline) and that stand further down are fetched by their ids and
// stand above the others, until the list has come to them.

import { make } from "./dom.js";
import { fetchPage, keepRegion, offerNew, patch } from "./live.js";
import { say } from "./words.js";

const MOST_ROWS = 10000; // then there is a link to the next page again
const MOST_CHOSEN = 50; // as many as are ever drawn
const AHEAD = 1.5; // heights of the view before the end at which more is fetched
const STILL = 150; // milliseconds without scrolling, after which rows that came into sight are brought up to date
const UNASKED = 3; // parts that are fetched one after the other while nothing is scrolled: closed groups take no room

const isWanted = () => localStorage.getItem("penstock.paging") !== "pages";
const groupsOf = (place) => [...place.querySelectorAll(":scope > [data-run-group]")];

export class RunList {
  /** `box` scrolls; `source` is the query that names the runs; `onChange` is called when there are other rows than before. */
  constructor(box, { source, onChange }) {
    Object.assign(this, { box, source, onChange });
    this.region = box.querySelector("#workspace-runs");
    this.total = Number(this.region.dataset.total);
    this.chosen = box.querySelector("[data-chosen]");
    this.foot = box.parentElement.querySelector(".workspace-foot");
    this.link = this.foot.querySelector("a[rel=next]");
    this.next = this.region.dataset.next;
    this.rows = new Map();
    this.missing = new Set();
    this.old = new Set(); // runs about which something may have been said since their rows were fetched
    this.unasked = 0;
    this.read();
    keepRegion(this.region.id, (fresh) => this.bring(fresh));
    box.addEventListener("scroll", () => {
      this.unasked = 0;
      requestAnimationFrame(() => this.settle());
      clearTimeout(this.still);
      this.still = setTimeout(() => this.followSight(), STILL);
    }, { passive: true });
    this.link?.addEventListener("click", (event) => {
      if (!this.canGrow()) return;
      event.preventDefault();
      this.grow();
    });
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.settle()).observe(box); // narrow pages show it later
  }

  /** Note which rows are there. */
  read() {
    this.rows.clear();
    for (const row of this.box.querySelectorAll("[data-run]")) this.rows.set(row.dataset.run, row);
    this.chosen.hidden = !this.chosen.firstElementChild;
    for (const count of this.region.querySelectorAll("[data-count]")) {
      const group = count.closest("[data-run-group]");
      count.textContent = `${group.querySelectorAll("[data-run]").length}${this.next && isLast(group, this.region) ? "+" : ""}`;
    }
    if (this.link) {
      this.link.hidden = !this.next;
      if (isWanted()) this.link.textContent = say(this.canGrow() ? "more runs" : "next page");
      const address = new URL(this.link.href);
      address.searchParams.set("cursor", this.next);
      this.link.href = address.href;
    }
    const listed = this.region.querySelectorAll("[data-run]").length;
    document.getElementById("listed-note").textContent = listed < this.total ? say("listed", { shown: listed.toLocaleString(), all: this.total.toLocaleString() }) : "";
  }

  /** Runs as their rows tell them, in the order of the list; those from further down come last. */
  runs() {
    const isAbove = (row) => row.parentElement === this.chosen;
    const rows = [...this.rows.values()];
    const colors = new Map();
    return [...rows.filter((row) => !isAbove(row)), ...rows.filter(isAbove)].map(runOf).map((run) => {
      if (!colors.has(run.group)) colors.set(run.group, run.groupColor);
      return { ...run, groupColor: colors.get(run.group) };
    });
  }

  canGrow() {
    return Boolean(this.next) && isWanted() && this.rows.size < MOST_ROWS;
  }

  /** Go on where the end is near. */
  settle() {
    const { box } = this;
    const isNear = box.clientHeight > 0 && box.scrollHeight - box.scrollTop - box.clientHeight < AHEAD * box.clientHeight;
    if (!isNear || this.unasked >= UNASKED) return;
    this.unasked += 1;
    this.grow();
  }

  async grow() {
    if (!this.canGrow() || this.isBusy) return;
    this.isBusy = true;
    this.box.setAttribute("aria-busy", "true");
    const fresh = await this.fetch({ cursor: this.next });
    this.isBusy = false;
    this.box.removeAttribute("aria-busy");
    if (!fresh) return;
    this.merge(fresh, this.region, true);
    this.next = fresh.dataset.next;
    this.changed();
    this.settle();
  }

  async fetch(parts) {
    const page = await fetchPage(`/ui/tracking/workspace/rows?${this.source}&${new URLSearchParams(parts)}`);
    return page?.getElementById(this.region.id) ?? null;
  }

  /** Have the rows of these runs too: those that the list has not come to are fetched and stand above it. */
  async want(ids) {
    this.wanted = ids;
    for (const { dataset: { run: id } } of [...this.chosen.children]) if (!ids.has(id)) this.forget(id);
    const far = [...ids].filter((id) => !this.rows.has(id) && !this.missing.has(id)).slice(0, MOST_CHOSEN);
    if (!far.length) {
      this.chosen.hidden = !this.chosen.firstElementChild;
      return;
    }
    for (const id of far) this.missing.add(id); // asked for once; also those that are gone
    const fresh = await this.fetch({ runs: far.join(",") });
    for (const id of far) if (!fresh || !this.wanted.has(id)) this.missing.delete(id);
    if (!fresh) return;
    this.chosen.append(...[...fresh.querySelectorAll("[data-run]")].filter(({ dataset: { run: id } }) => this.wanted.has(id) && !this.rows.has(id)));
    this.changed();
  }

  /** The list has not come to a run, and nobody wants it any more. */
  forget(id) {
    this.leave(id);
    this.missing.delete(id);
  }

  /** Put rows and groups of `fresh` into `place`: known ones are brought up to date, others stand behind those that they follow, else below or above all. */
  merge(fresh, place, isBelow) {
    let last = null;
    for (const group of groupsOf(fresh)) {
      const own = groupsOf(place).find((one) => one.dataset.runGroup === group.dataset.runGroup);
      if (own) this.merge(group.querySelector(":scope > details"), own.querySelector(":scope > details"), isBelow);
      else {
        for (const row of group.querySelectorAll("[data-run]")) this.leave(row.dataset.run);
        if (last) last.after(group);
        else if (isBelow) place.append(group);
        else if (place.matches("details")) place.firstElementChild.after(group);
        else place.prepend(group);
      }
      last = own ?? group;
    }
    const list = fresh.querySelector(":scope > ul");
    if (list) this.mergeRows([...list.children], place, isBelow);
  }

  mergeRows(rows, within, isBelow) {
    let list = within.querySelector(":scope > ul");
    if (!list) {
      list = make("ul", { class: "run-rows" });
      within.append(list);
    }
    let last = null;
    for (const row of rows) {
      const own = this.rows.get(row.dataset.run);
      if (own?.parentElement === list) {
        refreshRow(own, row);
        if (!isBelow && this.isLoose(own)) place(list, last, own);
        last = own;
        continue;
      }
      this.leave(row.dataset.run);
      if (last) last.after(row);
      else if (isBelow) list.append(row);
      else list.prepend(row);
      this.rows.set(row.dataset.run, row);
      last = row;
    }
  }

  /** Whether a row may take another place: nobody points at the list or has the focus in the row. */
  isLoose(row) {
    return !this.box.matches(":hover") && !row.contains(document.activeElement);
  }

  /** A row moves elsewhere. */
  leave(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
    this.old.delete(id);
  }

  /** Bring what is there up to date from the first part; while the pointer is in the list, what is new waits behind a button. */
  async bring(fresh) {
    this.total = Number(fresh.dataset.total);
    const known = new Set([...fresh.querySelectorAll("[data-run]")].map((row) => row.dataset.run));
    const rows = [...this.region.querySelectorAll("[data-run]")];
    const isNew = [...known].filter((id) => !this.region.contains(this.rows.get(id) ?? null)).length;
    if (!known.size || !rows.length) {
      patch(this.region, fresh);
      this.next = fresh.dataset.next;
      this.changed();
      return;
    }
    const isHeld = isNew > 0 && this.box.matches(":hover");
    offerNew(this.region, isHeld ? isNew : 0, () => this.take(fresh, known));
    if (isHeld) this.refreshRows(fresh);
    else this.take(fresh, known);
    this.old = new Set([...this.rows.keys()].filter((id) => !known.has(id)));
    await this.followSight();
  }

  /** Bring rows that can be seen up to date; the others wait until they are scrolled to. */
  async followSight() {
    const seen = this.inSight().filter((id) => this.old.has(id));
    if (!seen.length) return;
    for (const id of seen) this.old.delete(id);
    const further = await this.fetch({ runs: seen.join(",") });
    if (further) this.refreshRows(further);
    else for (const id of seen) this.old.add(id);
  }

  /** Ids of runs whose rows can be seen. */
  inSight() {
    const { top, bottom } = this.box.getBoundingClientRect();
    const isSeen = (row) => {
      const place = row.getBoundingClientRect();
      return place.height > 0 && place.bottom > top && place.top < bottom;
    };
    return [...this.rows.values()].filter(isSeen).map((row) => row.dataset.run).slice(0, MOST_CHOSEN);
  }

  /** Let rows that are there say what the server says now. */
  refreshRows(fresh) {
    for (const row of fresh.querySelectorAll("[data-run]")) {
      const own = this.rows.get(row.dataset.run);
      if (own) refreshRow(own, row);
    }
    this.onChange();
  }

  take(fresh, known) {
    const rows = [...this.region.querySelectorAll("[data-run]")];
    const end = fresh.dataset.next ? rows.findLastIndex((row) => known.has(row.dataset.run)) : rows.length; // rows behind it may have moved over the border
    for (const row of rows.slice(0, Math.max(end, 0))) if (!known.has(row.dataset.run)) this.leave(row.dataset.run);
    this.merge(fresh, this.region, false);
    for (const group of this.region.querySelectorAll("[data-run-group]")) if (!group.querySelector("[data-run]")) group.remove();
    if (rows.length <= known.size) this.next = fresh.dataset.next;
    this.changed();
  }

  changed() {
    this.read();
    this.onChange();
  }
}

/** Put a row behind `last`, or first. */
function place(list, last, row) {
  if (last ? last.nextElementSibling === row : list.firstElementChild === row) return;
  if (last) last.after(row);
  else list.prepend(row);
}

/** Make a row say what the server says now; its looks have to be painted again. */
function refreshRow(row, fresh) {
  if (row.dataset.groupColor) fresh.dataset.groupColor = row.dataset.groupColor; // a part of the list does not know which colours the others have
  patch(row, fresh);
  row.painted = null;
}

/** Whether rows of the next part may still belong to a group: only the last one at each level goes on. */
function isLast(group, region) {
  const rows = region.querySelectorAll("[data-run]");
  return rows.length > 0 && group.contains(rows[rows.length - 1]);
}

function runOf({ dataset, parentElement }) {
  const groups = [];
  for (let at = parentElement.closest("[data-run-group]"); at; at = at.parentElement.closest("[data-run-group]")) groups.push(at.dataset.runGroup);
  return {
    id: dataset.run, name: dataset.label, runName: dataset.name, url: dataset.url, color: Number(dataset.color), group: dataset.group, groupColor: Number(dataset.groupColor ?? 1), groups,
  };
}
