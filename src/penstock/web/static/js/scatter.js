// Scatter of durations: dragging a rectangle turns it into a filter on start and duration, kept in the address like any other.

const SMALLEST = 6;

function place(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return { x: Math.min(1000, Math.max(0, point.x)), y: Math.min(100, Math.max(0, point.y)) };
}

function show(brush, from, to) {
  brush.removeAttribute("hidden");
  brush.setAttribute("x", Math.min(from.x, to.x));
  brush.setAttribute("y", Math.min(from.y, to.y));
  brush.setAttribute("width", Math.abs(from.x - to.x));
  brush.setAttribute("height", Math.abs(from.y - to.y));
}

/** Chips for a rectangle, in the grammar of the filter bar. */
function chips(data, from, to) {
  const [from_at, until_at, lowest, highest] = ["from", "until", "lowest", "highest"].map((name) => Number(data[name]));
  const moment = (x) => new Date((from_at + ((until_at - from_at) * x) / 1000) * 1000).toISOString().slice(0, 19);
  const seconds = (y) => lowest * (highest / lowest) ** (1 - y / 100);
  const found = [`started>=${moment(Math.min(from.x, to.x))}`, `started<=${moment(Math.max(from.x, to.x) + 1)}`];
  const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  if (bottom < 98) found.push(`duration>=${seconds(bottom).toPrecision(3)}`);
  if (top > 2) found.push(`duration<=${seconds(top).toPrecision(3)}`);
  return found.map((chip) => chip.replace(/(\d)e\+?(-?\d+)$/, (whole) => String(Number(whole))));
}

function filter(svg, found) {
  const address = new URL(location.href);
  const kept = (address.searchParams.get("q") ?? "").split(/\s+/).filter((word) => word && !/^(started|duration)[<>=:]/.test(word));
  address.searchParams.set("q", [...kept, ...found].join(" "));
  address.searchParams.delete("cursor");
  location.assign(address);
}

document.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest?.("[data-scatter]");
  if (!svg || event.button !== 0) return;
  const from = place(svg, event);
  const brush = svg.querySelector("[data-brush]");
  let to = from;
  const move = (next) => {
    to = place(svg, next);
    show(brush, from, to);
  };
  const end = () => {
    document.removeEventListener("pointermove", move);
    brush.setAttribute("hidden", "");
    if (Math.abs(from.x - to.x) < SMALLEST && Math.abs(from.y - to.y) < SMALLEST) return;
    document.addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    filter(svg, chips(svg.dataset, from, to));
  };
  event.preventDefault();
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end, { once: true });
});
