// Logged images: thumbnails with their masks and boxes, which open in a viewer (`image_viewer.js`).

import { make, makeSvg } from "./dom.js";
import { say } from "./words.js";

const COLORS = 8;
const opener = () => import(new URL("./image_viewer.js", import.meta.url).href);

/** The names of the masks and boxes of an image. */
export const layersOf = (one) => [...Object.keys(one.masks ?? {}), ...Object.keys(one.boxes ?? {})];

/** A figure for one logged image; `address(name)` gives the address of a file of its run, `hidden` the layers not shown. */
export function imageElement(one, address, hidden) {
  const caption = typeof one.caption === "string" ? one.caption : "";
  const label = caption || one.path.split("/").pop();
  const picture = make("img", { src: address(one.path), alt: label, loading: "lazy" });
  const frame = make("span", { class: "image-frame" }, picture);
  for (const [name, mask] of Object.entries(one.masks ?? {})) if (!hidden.has(name) && mask.path) frame.append(maskElement(address(mask.path)));
  for (const [name, boxes] of Object.entries(one.boxes ?? {})) if (!hidden.has(name)) drawBoxes(frame, picture, boxes, address);
  // Its name is what is in it, not a label of its own: names of boxes are seen on it.
  const open = make("button", { class: "plain-button image-open", type: "button", onclick: () => viewer(one, address, hidden, label) }, make("span", { class: "hidden-text" }, `${say("open")}: `), frame);
  return make("figure", { class: "media-image" }, open, caption ? make("figcaption", { class: "small muted cut", title: caption }, caption) : "");
}

/** A mask over an image: each class in a colour of its own, class 0 clear. */
function maskElement(source) {
  const canvas = make("canvas", { class: "mask-layer", "aria-hidden": "true" });
  const image = new Image();
  image.addEventListener("load", () => {
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const ctx = canvas.getContext("2d");
    ctx.drawImage(image, 0, 0);
    const pixels = ctx.getImageData(0, 0, canvas.width, canvas.height);
    const palette = Array.from({ length: COLORS }, (_, i) => seriesColor(i + 1));
    for (let at = 0; at < pixels.data.length; at += 4) {
      const id = pixels.data[at];
      const [red, green, blue] = palette[(id - 1 + COLORS) % COLORS];
      pixels.data.set([red, green, blue, id ? 130 : 0], at);
    }
    ctx.putImageData(pixels, 0, 0);
  });
  image.src = source;
  return canvas;
}

function seriesColor(number) {
  const probe = make("span", { class: `series-${number}`, hidden: true });
  document.body.append(probe);
  probe.style.color = `var(--series-${number})`;
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return parts;
}

/** Boxes are a list in tables, and a file beside the run elsewhere. */
async function boxesOf(held, address) {
  if (Array.isArray(held)) return { box_data: held };
  const answer = held.path ? await fetch(address(held.path), { credentials: "same-origin" }).catch(() => null) : null;
  return answer?.ok ? await answer.json().catch(() => ({})) : {};
}

async function drawBoxes(frame, picture, held, address) {
  const { box_data: boxes = [], class_labels: labels = {} } = await boxesOf(held, address);
  if (!picture.complete) await new Promise((done) => picture.addEventListener("load", done, { once: true }));
  const [width, height] = [picture.naturalWidth || 1, picture.naturalHeight || 1];
  const layer = makeSvg("svg", { class: "box-layer", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const box of boxes.slice(0, 200)) {
    const at = cornersOf(box, width, height);
    if (!at) continue;
    const color = `series-${((Number(box.class_id) || 0) % COLORS) + 1}`;
    const told = [box.box_caption ?? labels[box.class_id] ?? box.class_id, ...Object.entries(box.scores ?? {}).map(([name, score]) => `${name} ${score}`)].filter((part) => part !== undefined).join(" · ");
    layer.append(makeSvg("rect", { class: `box ${color}`, ...at }, makeSvg("title", {}, told)), makeSvg("text", { class: `box-name ${color}`, x: at.x + 1, y: Math.max(at.y - 1, height / 14), "font-size": Math.max(5, height / 14) }, String(box.box_caption ?? labels[box.class_id] ?? "")));
  }
  frame.append(layer);
}

/** A box in pixels; positions come as corners or as middle and size, as shares of the image unless `domain` is pixel. */
function cornersOf({ position = {}, domain }, width, height) {
  const [w, h] = domain === "pixel" ? [1, 1] : [width, height];
  if ("minX" in position) return { x: position.minX * w, y: position.minY * h, width: (position.maxX - position.minX) * w, height: (position.maxY - position.minY) * h };
  if (Array.isArray(position.middle)) return { x: (position.middle[0] - position.width / 2) * w, y: (position.middle[1] - position.height / 2) * h, width: position.width * w, height: position.height * h };
  return null;
}

/** Show an image with its layers as large as the reader likes, and the values of the pixel under the pointer. */
export async function viewer(one, address, hidden, label) {
  const { showImage } = await opener();
  showImage(one, imageElement({ ...one, caption: "" }, address, hidden), address, label);
}
