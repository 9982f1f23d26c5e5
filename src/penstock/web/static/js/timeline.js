// Timeline of a run: dragging over the bars puts that part of the run into the address, as the form beside it does.

const SMALLEST = 6;

function share(track, event) {
  const box = track.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
}

function zoom(timeline, first, last) {
  const { begin, end } = timeline.dataset;
  const at = (part) => (Number(begin) + (Number(end) - Number(begin)) * part).toFixed(3);
  const address = new URL(location.href);
  address.searchParams.set("from", at(first));
  address.searchParams.set("to", at(last));
  location.assign(address);
}

document.addEventListener("pointerdown", (event) => {
  const timeline = event.target.closest?.("[data-timeline]");
  const track = event.target.closest?.(".timeline-track");
  if (!timeline || !track || event.button !== 0 || event.pointerType === "touch") return;
  const from = { x: event.clientX, part: share(track, event) };
  const brush = document.createElement("span");
  brush.className = "timeline-brush";
  let to = from.part;
  const move = (next) => {
    to = share(track, next);
    if (!brush.isConnected && Math.abs(next.clientX - from.x) < SMALLEST) return;
    if (!brush.isConnected) timeline.append(brush);
    const box = track.getBoundingClientRect();
    const left = timeline.getBoundingClientRect().left;
    brush.style.left = `${box.left - left + box.width * Math.min(from.part, to)}px`;
    brush.style.width = `${box.width * Math.abs(to - from.part)}px`;
  };
  const end = () => {
    document.removeEventListener("pointermove", move);
    if (!brush.isConnected) return;
    brush.remove();
    document.addEventListener("click", (click) => { click.preventDefault(); click.stopPropagation(); }, { capture: true, once: true });
    zoom(timeline, Math.min(from.part, to), Math.max(from.part, to));
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end, { once: true });
});
