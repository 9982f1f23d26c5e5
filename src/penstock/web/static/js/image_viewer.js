// The viewer of an image: zoom, and the values of the pixel under the pointer. It comes when an image is opened.

import { icon, make } from "./dom.js";
import { say } from "./words.js";

const sprite = () => document.querySelector("[data-icons]").dataset.icons;

/** Open the figure of an image: with its layers as large as the reader likes, and the values of the pixel under the pointer. */
export function showImage(one, figure, address, label) {
  const frame = figure.querySelector(".image-frame");
  const stage = make("div", { class: "image-stage", tabindex: "0", role: "region", "aria-label": label }, frame);
  const told = make("output", { class: "num small muted" });
  const zoom = make("input", { type: "range", min: "-2", max: "5", step: "0.25", value: "0", "aria-label": say("zoom level") });
  const picture = frame.querySelector("img");
  const size = () => { picture.style.width = `${Math.max(16, picture.naturalWidth * 2 ** Number(zoom.value))}px`; };
  const fit = () => {
    zoom.value = String(Math.max(-2, Math.min(5, Math.floor(Math.log2(Math.min(stage.clientWidth / (picture.naturalWidth || 1), stage.clientHeight / (picture.naturalHeight || 1))) * 4) / 4)));
    size();
  };
  zoom.addEventListener("input", size);
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom.value = String(Number(zoom.value) - Math.sign(event.deltaY) * 0.25);
    size();
  }, { passive: false });
  const dialog = make("dialog", { class: "chart-dialog image-dialog", "aria-label": label }, make("div", { class: "body" }, make("h2", { class: "cut" }, label), stage,
    make("footer", {}, told, make("label", { class: "tool small muted" }, say("zoom level"), zoom), make("a", { class: "button", href: one.download ?? `${address(one.path)}?download=1`, download: "" }, icon(sprite(), "download"), say("download")), make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("close")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  const ready = () => {
    fit();
    readPixels(frame, picture, told);
  };
  if (picture.complete) ready();
  else picture.addEventListener("load", ready, { once: true });
}

function readPixels(frame, picture, told) {
  const canvas = make("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const ctx = canvas.getContext("2d", { willReadFrequently: true });
  ctx.drawImage(picture, 0, 0);
  frame.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
    if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
    const [red, green, blue, opacity] = ctx.getImageData(x, y, 1, 1).data;
    told.textContent = `${canvas.width} × ${canvas.height} · (${x}, ${y}): ${red} ${green} ${blue}${opacity < 255 ? ` ${opacity}` : ""}`;
  });
}
