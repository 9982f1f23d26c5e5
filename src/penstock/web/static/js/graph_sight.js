// Which part of a graph the reader looks at, as the address has it: `at=x,y,zoom` (the middle of the view in the graph's own coordinates, so
// that another window shows the same place) or `at=all`. Moving does not write the address; resting does.

const REST = 400;

export class Sight {
  /** `write` puts the page's state into the address, with `write()` of this among it. */
  constructor(write) {
    this.publish = write;
    this.here = null;
    this.wanted = null;
    this.timer = 0;
    // A link that is copied before the hand has rested is right, too.
    document.addEventListener("click", (event) => event.target.closest?.("[data-copy-link]") && this.settle(), true);
    window.addEventListener("pagehide", () => this.settle());
  }

  /** Take over what an address asks for. */
  read(parameters) {
    const at = parameters.get("at") ?? "";
    const numbers = at.split(",").map(Number);
    const isPlace = numbers.length === 3 && numbers.every(Number.isFinite) && numbers[2] > 0;
    this.wanted = at === "all" || isPlace ? at : null;
    this.here = this.wanted;
  }

  /** The view that was asked for, in a window of this size; null: everything. It is asked for once. */
  take({ clientWidth, clientHeight }) {
    const at = this.wanted;
    this.wanted = null;
    if (at === "all") return null;
    const [x, y, zoom] = at.split(",").map(Number);
    const k = Math.max(0.04, Math.min(2.5, zoom));
    return { k, x: clientWidth / 2 - x * k, y: clientHeight / 2 - y * k };
  }

  /** The reader looks elsewhere. */
  note({ x, y, k }, { clientWidth, clientHeight }) {
    this.keep(`${Math.round((clientWidth / 2 - x) / k)},${Math.round((clientHeight / 2 - y) / k)},${Number(k.toPrecision(4))}`);
  }

  /** The reader looks at everything. */
  noteWhole() {
    this.keep("all");
  }

  keep(at) {
    this.here = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), REST);
  }

  /** Write what is not written yet. */
  settle() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.publish();
  }

  /** Nothing is asked for any more: the graph is shown as at first. */
  forget() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.here = null;
    this.wanted = null;
  }

  write(parameters) {
    if (this.here) parameters.set("at", this.here);
    else parameters.delete("at");
  }
}
