// Panels of media: images, tables, histograms, boxed documents, sound and film, each with a slider over the steps at which it was logged.

import { make } from "./dom.js";
import { fetchJson } from "./board.js";
import { say, shortNumber, themeColors } from "./plot.js";

const MAX_RUNS = 6;
const path = (text) => text.split("/").map(encodeURIComponent).join("/");
const fileAddress = (run, name) => `/ui/tracking/runs/${run}/files/${path(name)}`;

/** Fill a panel with what its key holds for each visible run. */
export async function drawMedia(panel, board) {
  panel.isLoaded = true;
  try {
    const held = [];
    const runs = board.visible();
    for (let at = 0; at < runs.length && held.length < MAX_RUNS; at += MAX_RUNS) {
      const parts = await Promise.all(runs.slice(at, at + MAX_RUNS).map(async (run) => ({ run, ...(await fetchJson(`/ui/tracking/runs/${run.id}/media?key=${encodeURIComponent(panel.key)}`)) })));
      held.push(...parts.filter((part) => part.values.length));
    }
    held.length = Math.min(held.length, MAX_RUNS);
    panel.body.classList.remove("skeleton");
    if (!held.length) {
      panel.body.replaceChildren(make("div", { class: "empty small" }, say("nothing")));
      return;
    }
    panel.body.replaceChildren(...held.map((part) => mediaOfRun(part, panel, held.length > 1)));
  } catch (error) {
    panel.fail(error);
  }
}

function mediaOfRun({ run, values }, panel, isNamed) {
  const stage = make("div", { class: "media-stage" });
  const place = make("div", { class: "media-run" }, isNamed ? make("div", { class: "small muted cut" }, run.name) : "", stage);
  if (panel.kind === "histogram" && values.length > 1) {
    stage.append(heatmap(values.map(({ step, value }) => ({ step, ...histogramOf(value) })), panel.key));
    return place;
  }
  const show = (at) => drawOne(stage, run.id, values[at], panel);
  if (values.length > 1) {
    const out = make("output", { class: "num small" });
    const slider = make("input", { type: "range", min: "0", max: String(values.length - 1), value: String(values.length - 1), "aria-label": `${say("step")}: ${panel.key}` });
    const move = () => {
      out.textContent = `${say("step")} ${values[Number(slider.value)].step}`;
      show(Number(slider.value));
    };
    slider.addEventListener("input", move);
    place.append(make("div", { class: "media-steps row" }, slider, out));
    move();
  } else {
    panel.note.textContent = `${say("step")} ${values[0].step}`;
    show(0);
  }
  return place;
}

function drawOne(stage, run, { value }, panel) {
  const list = Array.isArray(value) ? value : [value];
  const kind = value?._type ?? list[0]?._type ?? "";
  if (kind === "images/separated") {
    const names = value.filenames ?? [];
    const images = names.slice(0, 24).map((name, i) => image(run, name, value.captions?.[i] ?? ""));
    stage.replaceChildren(make("div", { class: "media-images" }, ...images));
  } else if (kind === "image-file") {
    stage.replaceChildren(make("div", { class: "media-images" }, ...list.slice(0, 24).map((one) => image(run, one.path, one.caption ?? ""))));
  } else if (kind === "histogram") {
    stage.replaceChildren(bars(histogramOf(value), panel.key));
  } else if (kind.includes("table") || kind === "plotly-file") {
    drawTable(stage, run, value.path, value.artifact_path ?? "");
  } else if (kind === "html-file") {
    stage.replaceChildren(make("iframe", { class: "boxed media-frame", sandbox: "allow-scripts", src: fileAddress(run, value.path), title: panel.key, loading: "lazy", referrerpolicy: "no-referrer" }));
  } else if (kind.startsWith("audio") || kind.startsWith("video")) {
    const tag = kind.startsWith("audio") ? "audio" : "video";
    const paths = list.flatMap((one) => one.path ?? one.filenames?.map((name) => `media/${tag === "audio" ? "audio" : "videos"}/${name}`) ?? []);
    stage.replaceChildren(...paths.slice(0, 6).map((name) => make(tag, { controls: true, preload: "metadata", src: fileAddress(run, name), class: "media-player" })));
  } else {
    const name = value?.path ?? "";
    stage.replaceChildren(make("p", { class: "small muted" }, say("plain")), name ? make("a", { class: "button small", href: `${fileAddress(run, name)}?download=1` }, name.split("/").pop()) : "");
  }
}

function image(run, name, caption) {
  const picture = make("img", { src: fileAddress(run, name), alt: typeof caption === "string" && caption ? caption : name.split("/").pop(), loading: "lazy" });
  return make("figure", { class: "media-image" }, make("a", { href: fileAddress(run, name), target: "_blank", rel: "noopener" }, picture), caption && typeof caption === "string" ? make("figcaption", { class: "small muted cut", title: caption }, caption) : "");
}

async function drawTable(stage, run, name, ref) {
  const turn = (stage.turn = (stage.turn ?? 0) + 1);
  const answer = await fetchJson(`/ui/tracking/runs/${run}/table/${path(name)}?ref=${encodeURIComponent(ref)}`).catch((error) => ({ error: error.message }));
  if (turn !== stage.turn) return;
  if (answer.error) {
    stage.replaceChildren(make("p", { class: "small muted" }, answer.error), make("a", { class: "button small", href: `${fileAddress(run, name)}?download=1` }, say("open")));
    return;
  }
  stage.replaceChildren(tableElement(answer, run), make("p", { class: "small faint num" }, say("rows", { shown: answer.rows.length, count: answer.count })));
}

/** A table with sortable columns; media cells become images. */
function tableElement({ columns, rows }, run) {
  const body = make("tbody");
  const fill = (sorted) => body.replaceChildren(...sorted.map((row) => make("tr", {}, ...row.map((cell) => cellElement(cell, run)))));
  const head = columns.map((name, at) => {
    let isDown = false;
    const th = make("th", { scope: "col" }, make("button", { class: "sort plain-button", type: "button", onclick: () => {
      isDown = !isDown;
      th.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const order = (a, b) => (typeof a[at] === "number" && typeof b[at] === "number" ? a[at] - b[at] : String(a[at]).localeCompare(String(b[at])));
      fill([...rows].sort((a, b) => (isDown ? order(b, a) : order(a, b))));
    } }, name));
    return th;
  });
  fill(rows);
  return make("div", { class: "table-box media-table", tabindex: "0", role: "region", "aria-label": say("table") }, make("table", { class: "table compact" }, make("thead", {}, make("tr", {}, ...head)), body));
}

function cellElement(cell, run) {
  if (typeof cell === "number") return make("td", { class: "num" }, shortNumber(cell));
  if (cell && typeof cell === "object" && cell._type === "image-file" && typeof cell.path === "string") return make("td", {}, make("img", { class: "cell-image", src: fileAddress(run, cell.path), alt: cell.caption ?? "", loading: "lazy" }));
  return make("td", { class: "cut" }, cell === null ? "" : typeof cell === "string" ? cell : JSON.stringify(cell));
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
    const { ctx, width, height } = sized(canvas);
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
    const { ctx, width, height } = sized(canvas);
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

function sized(canvas) {
  const width = canvas.clientWidth || 320;
  const height = canvas.clientHeight || 180;
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const ctx = canvas.getContext("2d");
  ctx.scale(devicePixelRatio, devicePixelRatio);
  return { ctx, width, height };
}

function labels(ctx, colors, width, height, left, right) {
  ctx.fillStyle = colors.text;
  ctx.font = colors.font;
  ctx.textAlign = "left";
  ctx.fillText(typeof left === "number" ? shortNumber(left) : left, 0, height - 4);
  ctx.textAlign = "right";
  ctx.fillText(typeof right === "number" ? shortNumber(right) : right, width, height - 4);
}
