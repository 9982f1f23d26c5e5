// Things in space on a canvas that turns by dragging and by the arrow keys: faces, sticks and balls, each pixel by what is nearest. Drawn by
// the processor alone, so that it is the same on every machine.

import { make } from "./dom.js";
import { themeColors } from "./theme.js";
import { say } from "./words.js";

const BEGIN = { across: 0.6, down: 0.4, zoom: 1 };
const MOST_PIXELS = 1_500_000;
const MOST_LABELS = 60;
const TURNS = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };

/** What is drawn: flat arrays of coordinates with a colour for each thing. A colour is a number of the theme's series, "text" or [red, green, blue]. */
export class Scene {
  faces = [];
  faceColors = [];
  sticks = [];
  stickColors = [];
  balls = [];
  ballColors = [];
  /** Of each ball in the units of the scene; 0: a dot. */
  radii = [];
  /** Likewise of each stick; 0: a thin line. */
  thick = [];
  labels = [];
  /** What is in it and what is not shown, in words. */
  told = [];

  /** Pictures on faces, and by the place of a face {texture, at: two shares for each corner}. */
  textures = new Set();
  skins = new Map();

  face(a, b, c, color, skin = null) {
    if (skin) this.skins.set(this.faceColors.length, skin);
    this.faces.push(...a, ...b, ...c);
    this.faceColors.push(color);
  }

  stick(a, b, color, radius = 0) {
    this.sticks.push(...a, ...b);
    this.stickColors.push(color);
    this.thick.push(radius);
  }

  ball(at, color, radius = 0) {
    this.balls.push(...at);
    this.ballColors.push(color);
    this.radii.push(radius);
  }

  get isEmpty() {
    return !(this.faces.length || this.sticks.length || this.balls.length);
  }
}

/** An element that shows a scene. */
export function spaceElement(scene, label) {
  const canvas = make("canvas", { class: "cloud", tabindex: "0", role: "img" });
  const words = make("p", { class: "small faint" });
  const tell = () => {
    const told = scene.told.join(" · ");
    canvas.setAttribute("aria-label", `${label}: ${told}. ${say("turn keys")}`);
    words.textContent = `${told} · ${say("turn keys")}`;
  };
  tell();
  const view = { ...BEGIN };
  const space = placed(scene);
  let isWaiting = false;
  const draw = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      if (canvas.isConnected) paint(canvas, scene, space, view);
    });
  };
  listen(canvas, view, draw);
  const onTheme = () => {
    if (canvas.isConnected) setTimeout(draw, 50);
    else document.removeEventListener("penstock:theme", onTheme);
  };
  document.addEventListener("penstock:theme", onTheme);
  new ResizeObserver(draw).observe(canvas);
  if (scene.textures.size) clothe(scene).then(tell).then(draw);
  return make("div", {}, canvas, words);
}

/** Unpack the pictures on faces, one after the other; where one cannot be, its faces keep their plain colour. */
async function clothe(scene) {
  let drawn = 0;
  for (const texture of scene.textures) drawn += await texture.decode().then(() => 1, () => 0);
  if (drawn) scene.told.push(say("space textures", { count: drawn }));
  if (drawn < scene.textures.size) scene.told.push(say("space no textures"));
}

function listen(canvas, view, draw) {
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    view.across += event.movementX / 120;
    view.down += event.movementY / 120;
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    view.zoom *= event.deltaY < 0 ? 1.1 : 1 / 1.1;
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const turn = TURNS[event.key];
    if (turn) [view.across, view.down] = [view.across + turn[0], view.down + turn[1]];
    else if (event.key === "+" || event.key === "-") view.zoom *= event.key === "+" ? 1.2 : 1 / 1.2;
    else if (event.key === "0") Object.assign(view, BEGIN);
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
}

/** Where the middle of a scene is, and how large it is. */
function placed(scene) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (const list of [scene.faces, scene.sticks, scene.balls]) {
    for (let i = 0; i < list.length; i += 1) {
      const value = list[i];
      if (!Number.isFinite(value)) continue;
      if (value < low[i % 3]) low[i % 3] = value;
      if (value > high[i % 3]) high[i % 3] = value;
    }
  }
  return { middle: low.map((value, axis) => (value + high[axis]) / 2), size: Math.hypot(...low.map((value, axis) => high[axis] - value)) || 1 };
}

/** Red, green and blue of the colours of the theme. */
function palette() {
  const ctx = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const colors = themeColors();
  const read = (color) => {
    ctx.clearRect(0, 0, 1, 1);
    ctx.fillStyle = color;
    ctx.fillRect(0, 0, 1, 1);
    return ctx.getImageData(0, 0, 1, 1).data;
  };
  const series = colors.series.map(read);
  const text = read(colors.text);
  return { of: (color) => (Array.isArray(color) ? color : color === "text" ? text : series[color % series.length]), text: colors.text, font: colors.font };
}

/** A picture with a depth for each pixel; what is nearer stays. */
class Sheet {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.depths = new Float32Array(width * height).fill(-Infinity);
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  put(x, y, depth, packed) {
    const at = y * this.width + x;
    if (depth <= this.depths[at]) return;
    this.depths[at] = depth;
    this.pixels[at] = packed;
  }

  face(ax, ay, az, bx, by, bz, cx, cy, cz, packed, ink = null) {
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (!(Math.abs(area) > 1e-6)) return;
    const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
    const bottom = Math.min(this.height - 1, Math.floor(Math.max(ay, by, cy) + 0.5));
    const left = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5));
    const right = Math.min(this.width - 1, Math.floor(Math.max(ax, bx, cx) + 0.5));
    const slack = 0.5 / Math.abs(area) * 0.02;
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const u = ((cy - by) * (bx - x) - (cx - bx) * (by - y)) / area;
        const v = ((ay - cy) * (cx - x) - (ax - cx) * (cy - y)) / area;
        const w = 1 - u - v;
        if (u < -slack || v < -slack || w < -slack) continue;
        const depth = u * az + v * bz + w * cz;
        if (!ink) this.put(x, y, depth, packed);
        else if (depth > this.depths[y * this.width + x]) {
          const found = ink(u, v, w);
          if (found) this.put(x, y, depth, found);
        }
      }
    }
  }

  /** A round dot, or, with a depth of its own, a ball lit from the front. */
  ball(x, y, depth, radius, bulge, color) {
    const far = Math.ceil(radius);
    for (let dy = -far; dy <= far; dy += 1) {
      for (let dx = -far; dx <= far; dx += 1) {
        const [px, py] = [Math.round(x) + dx, Math.round(y) + dy];
        const share = (dx * dx + dy * dy) / (radius * radius);
        if (share > 1 || px < 0 || py < 0 || px >= this.width || py >= this.height) continue;
        const rise = Math.sqrt(1 - share);
        this.put(px, py, depth + rise * bulge, packedOf(color, bulge ? 0.45 + 0.55 * rise : 1));
      }
    }
  }

  /** A line as thick as twice the radius, walked along its longer side. */
  stick(ax, ay, az, bx, by, bz, radius, bulge, color) {
    const [dx, dy] = [bx - ax, by - ay];
    const isFlat = Math.abs(dx) >= Math.abs(dy);
    const steps = Math.min(4 * (this.width + this.height), Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)))));
    const across = radius * Math.hypot(dx, dy) / Math.max(Math.abs(dx), Math.abs(dy), 1e-6);
    for (let step = 0; step <= steps; step += 1) {
      const part = step / steps;
      const [x, y, z] = [ax + dx * part, ay + dy * part, az + (bz - az) * part];
      for (let off = -Math.ceil(across); off <= across; off += 1) {
        const px = Math.round(isFlat ? x : x + off);
        const py = Math.round(isFlat ? y + off : y);
        if (px < 0 || py < 0 || px >= this.width || py >= this.height) continue;
        const rise = Math.sqrt(Math.max(0, 1 - (off / Math.max(across, 1)) ** 2));
        this.put(px, py, z + rise * bulge, packedOf(color, bulge ? 0.45 + 0.55 * rise : 1));
      }
    }
  }
}

const packedOf = (color, light) => (255 << 24) | ((color[2] * light) << 16) | ((color[1] * light) << 8) | (color[0] * light);

function paint(canvas, scene, { middle, size }, { across, down, zoom }) {
  const [wide, tall] = [canvas.clientWidth || 320, canvas.clientHeight || 220];
  const fine = Math.min(2, Math.sqrt(MOST_PIXELS / (wide * tall)));
  const sheet = new Sheet(Math.max(1, Math.round(wide * fine)), Math.max(1, Math.round(tall * fine)));
  const colors = palette();
  const scale = Math.min(sheet.width, sheet.height) * 0.92 * zoom / size;
  const [ca, sa, cd, sd] = [Math.cos(across), Math.sin(across), Math.cos(down), Math.sin(down)];
  /** Coordinates as pixels, with a depth in pixels that grows towards the reader. */
  const turned = (list) => {
    const out = new Float32Array(list.length);
    for (let i = 0; i < list.length; i += 3) {
      const [x, y, z] = [list[i] - middle[0], list[i + 1] - middle[1], list[i + 2] - middle[2]];
      const depth = x * sa + z * ca;
      out[i] = sheet.width / 2 + (x * ca - z * sa) * scale;
      out[i + 1] = sheet.height / 2 - (y * cd - depth * sd) * scale;
      out[i + 2] = (y * sd + depth * cd) * scale;
    }
    return out;
  };
  paintFaces(sheet, turned(scene.faces), scene, colors);
  const sticks = turned(scene.sticks);
  scene.stickColors.forEach((color, at) => {
    const radius = scene.thick[at] ? Math.min(sheet.width, Math.max(1, scene.thick[at] * scale)) : 0;
    sheet.stick(...sticks.subarray(at * 6, at * 6 + 6), radius || fine * 0.6, radius, colors.of(color));
  });
  const balls = turned(scene.balls);
  const dot = fine * (scene.radii.length > 5000 ? 0.8 : scene.radii.length > 500 ? 1.4 : 2.5);
  scene.ballColors.forEach((color, at) => {
    const radius = scene.radii[at] ? Math.min(sheet.width, Math.max(1, scene.radii[at] * scale)) : dot;
    sheet.ball(balls[at * 3], balls[at * 3 + 1], balls[at * 3 + 2], radius, scene.radii[at] ? radius : 0, colors.of(color));
  });
  lay(canvas, sheet, wide, tall);
  const labels = scene.labels.slice(0, MOST_LABELS);
  const places = turned(labels.flatMap(({ at }) => at));
  write(canvas, colors, labels.map(({ text }, at) => [text, places[at * 3] / fine, places[at * 3 + 1] / fine - 4]));
}

/** Write words over the picture, with the colour of the ground around them. */
function write(canvas, colors, words) {
  const ctx = canvas.getContext("2d");
  Object.assign(ctx, { fillStyle: colors.text, strokeStyle: getComputedStyle(canvas).backgroundColor, lineWidth: 4, lineJoin: "round", font: `600 ${colors.font}` });
  for (const [text, left, top] of words) {
    ctx.strokeText(text, left, top);
    ctx.fillText(text, left, top);
  }
}

/** Faces are lit from the reader's side, both sides alike: files do not agree on which one is the front. */
function paintFaces(sheet, at, { faceColors, skins }, colors) {
  for (let face = 0, i = 0; face < faceColors.length; face += 1, i += 9) {
    const [ax, ay, az, bx, by, bz, cx, cy, cz] = at.subarray(i, i + 9);
    const [ux, uy, uz, vx, vy, vz] = [bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az];
    const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    const light = 0.35 + 0.65 * Math.abs(0.35 * nx - 0.5 * ny + 0.8 * nz) / (Math.hypot(nx, ny, nz) || 1);
    const lit = Math.min(1, light);
    sheet.face(ax, ay, az, bx, by, bz, cx, cy, cz, packedOf(colors.of(faceColors[face]), lit), inkOf(skins.get(face), lit));
  }
}

/** The colour of a face's picture by the shares of its corners; null while there is none. */
function inkOf(skin, light) {
  if (!skin?.texture.image) return null;
  const [au, av, bu, bv, cu, cv] = skin.at;
  return (a, b, c) => skin.texture.at(a * au + b * bu + c * cu, a * av + b * bv + c * cv, light);
}

function lay(canvas, sheet, wide, tall) {
  const held = new OffscreenCanvas(sheet.width, sheet.height);
  held.getContext("2d").putImageData(sheet.image, 0, 0);
  canvas.width = wide * devicePixelRatio;
  canvas.height = tall * devicePixelRatio;
  const ctx = canvas.getContext("2d");
  ctx.scale(devicePixelRatio, devicePixelRatio);
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(held, 0, 0, wide, tall);
}
