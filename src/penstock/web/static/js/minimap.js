// The small map in a corner of a drawing that is larger than its frame: what is where, which part is in sight, and a click goes there.

import { makeSvg } from "./dom.js";

const NARROW = 500;
const MOST_BOXES = 2000;

/**
 * Draw the map of `placed` (width, height, boxes with `id` and place) into `map`, or hide it while everything is in sight. `view` is what of it
 * `root` shows, `classOf(box)` how a box looks now, `shape` changes when boxes do, and `go(x, y)` brings a point of the drawing into the middle. `isMove`: no box looks otherwise than before.
 */
export function showMap(map, { root, placed, view, shape, classOf, go, isMove = false }) {
  const { clientWidth, clientHeight } = root;
  const { x, y, k } = view;
  const { width, height, boxes } = placed;
  map.hidden = x >= -8 && y >= -8 && x + width * k <= clientWidth + 8 && y + height * k <= clientHeight + 8;
  if (map.hidden) {
    map.madeOf = "";
    return;
  }
  const [wide, high] = clientWidth < NARROW ? [112, 64] : [180, 120];
  const scale = Math.min(wide / width, high / height);
  const made = `${shape} ${wide}`;
  const isNew = map.madeOf !== made;
  if (isNew) {
    map.madeOf = made;
    const svg = makeSvg("svg", { width: width * scale, height: height * scale, viewBox: `0 0 ${width} ${height}` });
    for (const box of boxes.slice(0, MOST_BOXES)) svg.append(makeSvg("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 8 }));
    svg.append(makeSvg("rect", { class: "map-view" }));
    map.replaceChildren(svg);
    svg.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      const rect = svg.getBoundingClientRect();
      go((event.clientX - rect.left) / scale, (event.clientY - rect.top) / scale);
    });
  }
  const { lastChild: frame, childNodes: drawn } = map.firstChild;
  for (let at = 0; (isNew || !isMove) && at < drawn.length - 1; at += 1) drawn[at].setAttribute("class", classOf(boxes[at]));
  for (const [name, value] of Object.entries({ x: -x / k, y: -y / k, width: clientWidth / k, height: clientHeight / k, "stroke-width": 2 / scale })) frame.setAttribute(name, value);
}
