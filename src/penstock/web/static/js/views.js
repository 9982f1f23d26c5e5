// The document of a workspace: what a reader changed about its panels and runs, and nothing else, so that new keys still find their place.
// Every change is a new document; the old ones stay for undo. Pure, without a page.

const EMPTY = { settings: {}, runs: {}, panels: {}, extra: {}, removed: {}, moved: {}, order: {}, sections: [], closed: {}, mode: "auto" };
const MOST_STEPS = 100;

export class ViewDocument {
  /** `base`: the stored document; `onChange(document)` is called after every change. */
  constructor(base, onChange = () => {}) {
    this.onChange = onChange;
    this.value = { ...structuredClone(EMPTY), ...base };
    this.base = JSON.stringify(this.value);
    this.past = [];
    this.future = [];
  }

  /** Whether it differs from what was stored. */
  get isDirty() {
    return JSON.stringify(this.value) !== this.base;
  }

  /** Take `value` as the stored one; what was changed since it was sent is not. */
  saved(value = this.value) {
    this.base = JSON.stringify(value);
  }

  change(work) {
    const next = structuredClone(this.value);
    work(next);
    if (JSON.stringify(next) === JSON.stringify(this.value)) return;
    this.past.push(this.value);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.value = next;
    this.onChange(this);
  }

  undo() {
    this.travel(this.past, this.future);
  }

  redo() {
    this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length) return;
    to.push(this.value);
    this.value = from.pop();
    this.onChange(this);
  }

  /** Back to what was stored; can be undone. */
  revert() {
    const base = JSON.parse(this.base);
    this.change((value) => this.become(value, base));
  }

  /** Back to a plain workspace; can be undone. */
  reset() {
    this.change((value) => this.become(value, structuredClone(EMPTY)));
  }

  become(value, other) {
    for (const name of Object.keys(value)) delete value[name];
    Object.assign(value, other);
  }

  /** Panels in order, section by section: [{name, isClosed, panels}]. `auto` are those that come with the keys. */
  arranged(auto) {
    const { value } = this;
    const all = [...(value.mode === "auto" ? auto : []), ...Object.values(value.extra)].filter((spec) => !value.removed[spec.id]);
    const sections = new Map(value.sections.map((name) => [name, []]));
    for (const spec of all) {
      const whole = { ...spec, ...value.panels[spec.id], section: value.moved[spec.id] ?? spec.section };
      if (!sections.has(whole.section)) sections.set(whole.section, []);
      sections.get(whole.section).push(whole);
    }
    return [...sections].filter(([, panels]) => panels.length).map(([name, panels]) => ({ name, isClosed: Boolean(value.closed[name]), panels: inOrder(panels, value.order[name]) }));
  }

  edit(id, part) {
    this.change((value) => {
      const into = value.extra[id] ? value.extra : value.panels;
      into[id] = { ...into[id], ...part };
      for (const [name, given] of Object.entries(into[id])) if (given === null || given === undefined) delete into[id][name];
    });
  }

  add(spec, { first = true } = {}) {
    const id = `p${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    this.change((value) => {
      value.extra[id] = Object.fromEntries(Object.entries({ ...spec, id }).filter(([, given]) => given !== null && given !== undefined));
      if (first && !value.sections.includes(spec.section)) value.sections.unshift(spec.section);
      if (first) value.order[spec.section] = [id, ...(value.order[spec.section] ?? [])];
    });
    return id;
  }

  duplicate(listed, id) {
    const { spec, ids, section } = placeOf(listed, id);
    const copy = `p${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    this.change((value) => {
      value.extra[copy] = { ...spec, id: copy, section };
      ids.splice(ids.indexOf(id) + 1, 0, copy);
      value.order[section] = ids;
    });
    return copy;
  }

  remove(id) {
    this.change((value) => {
      if (value.extra[id]) delete value.extra[id];
      else value.removed[id] = 1;
    });
  }

  /** Move a panel by so many places within its section. */
  move(listed, id, by) {
    const { ids } = placeOf(listed, id);
    const at = ids.indexOf(id);
    const target = Math.max(0, Math.min(ids.length - 1, at + by));
    if (target === at) return;
    this.put(listed, id, placeOf(listed, id).section, by > 0 ? ids[target + 1] ?? null : ids[target]);
  }

  /** Put a panel into a section, before another one, or last. */
  put(listed, id, section, before = null) {
    this.change((value) => {
      const ids = (listed.find((one) => one.name === section)?.panels ?? []).map((spec) => spec.id).filter((other) => other !== id);
      const at = before === null ? ids.length : ids.indexOf(before);
      ids.splice(at < 0 ? ids.length : at, 0, id);
      value.order[section] = ids;
      value.moved[id] = section;
      if (!value.sections.includes(section)) value.sections = [...new Set([...listed.map((one) => one.name), section])];
    });
  }

  moveSection(listed, name, by) {
    const names = listed.map((one) => one.name);
    const at = names.indexOf(name);
    names.splice(at, 1);
    names.splice(Math.max(0, at + by), 0, name);
    this.change((value) => { value.sections = names; });
  }

  close(name, isClosed) {
    this.change((value) => {
      if (isClosed) value.closed[name] = 1;
      else delete value.closed[name];
    });
  }

  set(name, given) {
    this.change((value) => {
      if (given === null || given === undefined) delete value.settings[name];
      else value.settings[name] = given;
    });
  }
}

function placeOf(listed, id) {
  const section = listed.find((one) => one.panels.some((spec) => spec.id === id));
  return { section: section.name, spec: section.panels.find((spec) => spec.id === id), ids: section.panels.map((spec) => spec.id) };
}

/** Those named in `ids` first, in that order; all others after them, as they came. */
function inOrder(panels, ids = []) {
  const place = new Map(ids.map((id, at) => [id, at]));
  return [...panels].sort((a, b) => (place.get(a.id) ?? ids.length) - (place.get(b.id) ?? ids.length));
}
