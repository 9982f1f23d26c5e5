// Panels of media: images with masks and boxes, tables, histograms, boxed documents, sound, film, figures and points in space, each with a
// slider over the steps at which it was logged. With synced zoom on, moving one slider moves all of the board to the same step.

import { sized } from "./canvas.js";
import { make } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { figure } from "./figure.js";
import { imageElement } from "./image.js";
import { lookClass } from "./looks.js";
import { Panel } from "./panel.js";
import { plotElement, rowsBehind } from "./plots.js";
import { wholeTable } from "./table_view.js";
import { themeColors } from "./theme.js";
import { keepChoices } from "./visuals.js";
import { why } from "./waiting.js";
import { say, shortNumber } from "./words.js";

const MAX_RUNS = 6;
const MAX_IMAGES = 24;
const MAX_PARTS = 6;
const path = (text) => text.split("/").map(encodeURIComponent).join("/");
/** What draws in space; fetched when there is something to draw. */
const inSpace = () => import(new URL("./in_space.js", import.meta.url).href);
const fileAddress = (run, name) => `/ui/tracking/runs/${run}/files/${path(name)}`;

/** A panel over one media key of each visible run. */
export class MediaPanel extends Panel {
  isTall() {
    return false;
  }

  async load() {
    const runs = this.board.visible();
    const wanted = runs.map((run) => run.id).join();
    if (this.asked === wanted && !this.isStale) return; // here, or on its way
    Object.assign(this, { asked: wanted, isStale: false });
    let isHere = false;
    await this.working(async (signal) => {
      const held = [];
      for (let at = 0; at < runs.length && held.length < MAX_RUNS; at += MAX_RUNS) {
        const parts = await Promise.all(runs.slice(at, at + MAX_RUNS).map(async (run) => ({ run, ...(await fetchJson(`/ui/tracking/runs/${run.id}/media?key=${encodeURIComponent(this.spec.key)}`, { signal })) })));
        held.push(...parts.filter((part) => part.values.length));
      }
      held.length = Math.min(held.length, MAX_RUNS);
      this.held = held;
      this.show();
      isHere = true;
    });
    if (!isHere && this.asked === wanted) this.asked = null;
  }

  retell() {
    if (!this.held) return;
    for (const part of this.held) part.run = this.board.runById(part.run.id) ?? part.run;
    this.show();
  }

  show() {
    if (!this.held.length) {
      this.body.replaceChildren(make("div", { class: "empty small" }, say("nothing logged")));
      return;
    }
    const steps = [...new Set(this.held.flatMap((part) => part.values.map((one) => one.step)))].sort((a, b) => a - b);
    this.steps = steps;
    this.stages = this.held.map((part) => ({ part, stage: make("div", { class: "media-stage" }) }));
    const isNamed = this.held.length > 1;
    const frames = this.stages.map(({ part, stage }) => make("div", { class: "media-run" }, isNamed ? make("div", { class: "small muted cut" }, make("span", { class: `legend-swatch ${lookClass(part.run.color)}` }), " ", part.run.name) : "", stage));
    this.few = this.held.length < this.board.count ? say("drawn", { drawn: this.held.length, all: this.board.count }) : "";
    this.note.textContent = this.few;
    const isOverSteps = this.spec.kind === "histogram" && steps.length > 1;
    this.body.replaceChildren(make("div", { class: this.held.length > 1 ? "media-side" : "" }, ...frames));
    if (isOverSteps) {
      for (const { part, stage } of this.stages) stage.append(heatmap(part.values.map(({ step, value }) => ({ step, ...histogramOf(value) })), this.name));
      return;
    }
    this.body.append(this.slider(steps));
    this.moveTo((this.board.settings.sync ? this.board.mediaStep : this.step) ?? steps.at(-1));
  }

  slider(steps) {
    if (steps.length < 2) {
      this.note.textContent = [this.few, `${say("step")} ${steps[0]}`].filter(Boolean).join(" · ");
      return "";
    }
    this.range = make("input", { type: "range", min: "0", max: String(steps.length - 1), value: String(steps.length - 1), "aria-label": `${say("step")}: ${this.name}` });
    this.out = make("output", { class: "num small" });
    this.range.addEventListener("input", () => {
      const step = steps[Number(this.range.value)];
      this.step = step;
      this.moveTo(step);
      if (this.board.settings.sync) this.board.moveTo(step, this);
    });
    return make("div", { class: "media-steps row" }, this.range, this.out);
  }

  /** Show the values of the newest step that is not after `step`. */
  moveTo(step) {
    const at = Math.max(0, this.steps.findLastIndex((one) => one <= step));
    if (this.range) {
      this.range.value = String(at);
      this.out.textContent = `${say("step")} ${this.steps[at]}`;
    }
    for (const { part, stage } of this.stages) {
      const value = part.values.findLast((one) => one.step <= this.steps[at]) ?? part.values[0];
      if (stage.shown === value) continue;
      stage.shown = value;
      drawOne(stage, part.run.id, value, this);
    }
  }

  redraw() {
    if (this.held && !this.body.querySelector("audio, video, iframe")) this.show();
  }
}

/** Media that were logged together: the client has a list of its own for each kind, and keeps lists of the others as they are. */
function membersOf(value) {
  if (Array.isArray(value)) return value;
  const list = [value?.videos, value?.audio, value?.html, value?.objects].find(Array.isArray);
  if (list) return list.map((one, i) => ({ caption: value.captions?.[i], ...one }));
  if (value?._type === "molecule") return (value.filenames ?? []).map((path) => ({ _type: "molecule-file", path }));
  return [value];
}

/** What a picture or table is called where several stand in a panel: by its run, and by its number among those logged together. */
function labelOf(panel, run, number) {
  const held = panel.held ?? [];
  const owner = held.length > 1 ? held.find((part) => part.run.id === run)?.run.name : null;
  return [panel.name, owner, number].filter(Boolean).join(", ");
}

function drawOne(stage, run, { value }, panel, number = "") {
  const label = labelOf(panel, run, number);
  const list = membersOf(value);
  const kind = list[0]?._type ?? value?._type ?? "";
  const name = list[0]?.path ?? "";
  if (list.length > 1 && !/^(image|audio|video)/.test(kind)) {
    stage.replaceChildren(...list.slice(0, MAX_PARTS).map((one, at) => {
      const part = make("div", { class: "media-stage" });
      drawOne(part, run, { value: one }, panel, String(at + 1));
      return part;
    }));
  } else if (kind === "images/separated") {
    const images = (value.filenames ?? []).slice(0, MAX_IMAGES).map((file, i) => ({ path: file, caption: value.captions?.[i], masks: value.all_masks?.[i], boxes: value.all_boxes?.[i] }));
    drawImages(stage, run, images, value.count ?? images.length, panel);
  } else if (kind === "image-file") drawImages(stage, run, list.slice(0, MAX_IMAGES), list.length, panel);
  else if (kind === "histogram") stage.replaceChildren(bars(histogramOf(list[0]), label));
  else if (kind.includes("table")) drawTable(stage, run, list[0], panel, label);
  else if (kind === "plotly-file") drawFile(stage, run, list[0], async (answer) => figure(JSON.parse(await answer.text()), label));
  else if (kind === "html-file") stage.replaceChildren(make("iframe", { class: "boxed media-frame", sandbox: "allow-scripts", src: fileAddress(run, name), title: label, loading: "lazy", referrerpolicy: "no-referrer" }));
  else if (kind.startsWith("object3D") || kind.startsWith("molecule")) drawFile(stage, run, list[0], async (answer) => (await inSpace()).spaceOf(await answer.arrayBuffer(), name, list[0].caption || label));
  else if (kind.startsWith("audio") || kind.startsWith("video")) stage.replaceChildren(...played(kind, list, run));
  else stage.replaceChildren(make("p", { class: "small muted" }, say("plain")), name ? download(run, name) : "");
}

const download = (run, name) => make("a", { class: "button small", href: `${fileAddress(run, name)}?download=1`, download: "" }, name.split("/").pop());

function played(kind, list, run) {
  const tag = kind.startsWith("audio") ? "audio" : "video";
  const names = list.flatMap((one) => one.path ?? one.filenames?.map((name) => `media/${tag === "audio" ? "audio" : "videos"}/${name}`) ?? []);
  return names.slice(0, MAX_PARTS).map((name, i) => {
    const caption = list[i]?.caption ?? "";
    const player = name.endsWith(".gif") ? make("img", { src: fileAddress(run, name), alt: caption || name.split("/").pop(), class: "media-player" }) : make(tag, { controls: true, preload: "metadata", src: fileAddress(run, name), class: "media-player" });
    return make("figure", { class: "media-film" }, player, caption ? make("figcaption", { class: "small muted" }, caption) : "");
  });
}

function drawImages(stage, run, images, count, panel) {
  const layers = new Set(images.flatMap((one) => [...Object.keys(one.masks ?? {}), ...Object.keys(one.boxes ?? {})]));
  panel.hiddenLayers ??= new Set();
  const grid = make("div", { class: "media-images" });
  const fill = () => grid.replaceChildren(...images.map((one) => imageElement(one, (name) => fileAddress(run, name), panel.hiddenLayers)));
  fill();
  const toggles = [...layers].map((layer) => make("label", { class: "check small" }, make("input", { type: "checkbox", checked: !panel.hiddenLayers.has(layer), onchange: (event) => {
    if (event.target.checked) panel.hiddenLayers.delete(layer);
    else panel.hiddenLayers.add(layer);
    fill();
  } }), layer));
  stage.replaceChildren(toggles.length ? make("div", { class: "row wrapping media-layers" }, ...toggles) : "", grid, count > images.length ? make("p", { class: "small faint num" }, say("rows", { shown: images.length, count })) : "");
}

/** Fetch a file of a run and show what `work` makes of it; a large one only when asked for. */
function drawFile(stage, run, value, work) {
  const name = value.path;
  const load = async () => {
    const answer = await fetch(fileAddress(run, name), { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    return work(answer);
  };
  const turn = (stage.turn = (stage.turn ?? 0) + 1);
  const show = () => load().then((element) => { if (turn === stage.turn) stage.replaceChildren(element); })
    .catch((error) => { if (turn === stage.turn) stage.replaceChildren(make("p", { class: "small muted" }, error.told || say("plain")), download(run, name)); });
  if ((value.size ?? 0) > 10 << 20) stage.replaceChildren(make("p", { class: "small muted" }, say("large")), make("button", { class: "button small", type: "button", onclick: show }, say("open")), download(run, name));
  else show();
}

async function drawTable(stage, run, value, panel, label) {
  const turn = (stage.turn = (stage.turn ?? 0) + 1);
  const address = (extra) => `/ui/tracking/runs/${run}/table/${path(value.path)}?ref=${encodeURIComponent(value.artifact_path ?? "")}${extra}`;
  const answer = await fetchJson(address("")).catch((error) => ({ error: why(error) }));
  if (turn !== stage.turn) return;
  if (answer.error) stage.replaceChildren(make("p", { class: "small muted" }, answer.page ? say("large") : answer.error), answer.page ? make("a", { class: "button small", href: answer.page }, say("open")) : "", download(run, value.path));
  else if (panel.spec.plot && answer.rows.length) {
    const drawn = plotElement(panel.spec.plot, answer, label, (classes) => rowsBehind(panel.board, run, classes));
    if (panel.spec.plot.kind === "confusion_matrix") keepChoices(drawn, (panel.matrixChoices ??= {}));
    stage.replaceChildren(drawn);
  }
  else stage.replaceChildren(wholeTable(answer, (name) => (answer.beside ? answer.beside + path(name) : fileAddress(run, name)), address, label));
}

function histogramOf(value) {
  const counts = value.values ?? [];
  if (value.bins) return { counts, edges: value.bins };
  const { min = 0, size = 1, count = counts.length } = value.packedBins ?? {};
  return { counts, edges: Array.from({ length: count + 1 }, (_, i) => min + i * size) };
}

function bars({ counts, edges }, label) {
  const canvas = make("canvas", { class: "histogram", role: "img", "aria-label": `${label}: ${shortNumber(edges[0])} – ${shortNumber(edges.at(-1))}` });
  const draw = () => {
    const { ctx, width, height } = sized(canvas, 180);
    const most = Math.max(...counts, 1);
    const colors = themeColors();
    ctx.fillStyle = colors.series[0];
    counts.forEach((count, i) => {
      const tall = (count / most) * (height - 22);
      ctx.fillRect((i * width) / counts.length + 0.5, height - 18 - tall, Math.max(1, width / counts.length - 1), tall);
    });
    labels(ctx, colors, width, height, edges[0], edges.at(-1));
  };
  requestAnimationFrame(draw);
  return canvas;
}

/** Histograms over steps: one column per step, darker where there is more. */
function heatmap(list, label) {
  const low = Math.min(...list.map((one) => one.edges[0]));
  const high = Math.max(...list.map((one) => one.edges.at(-1)));
  const canvas = make("canvas", { class: "histogram", role: "img", "aria-label": `${label}: ${shortNumber(low)} – ${shortNumber(high)}` });
  const draw = () => {
    const { ctx, width, height } = sized(canvas, 180);
    const colors = themeColors();
    const tall = height - 18;
    ctx.fillStyle = colors.series[0];
    list.forEach((one, i) => {
      const most = Math.max(...one.counts, 1);
      one.counts.forEach((count, j) => {
        if (!count) return;
        ctx.globalAlpha = 0.12 + 0.88 * (count / most);
        const top = tall - ((one.edges[j + 1] - low) / (high - low || 1)) * tall;
        const bottom = tall - ((one.edges[j] - low) / (high - low || 1)) * tall;
        ctx.fillRect((i * width) / list.length, top, Math.ceil(width / list.length), Math.max(1, bottom - top));
      });
    });
    ctx.globalAlpha = 1;
    labels(ctx, colors, width, height, `${say("step")} ${list[0].step}`, `${say("step")} ${list.at(-1).step}`);
  };
  requestAnimationFrame(draw);
  return canvas;
}

function labels(ctx, colors, width, height, left, right) {
  ctx.fillStyle = colors.text;
  ctx.font = colors.font;
  ctx.textAlign = "left";
  ctx.fillText(typeof left === "number" ? shortNumber(left) : left, 0, height - 4);
  ctx.textAlign = "right";
  ctx.fillText(typeof right === "number" ? shortNumber(right) : right, width, height - 4);
}
