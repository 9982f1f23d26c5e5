// The export of a report with its Vega charts: the server's file, into which their drawings are put as still SVG. Comes when it is asked for.

import { make } from "./dom.js";
import { drawVega } from "./vega_drawing.js";

const ELEMENTS = new Set(["svg", "g", "path", "rect", "circle", "line", "text", "tspan", "clippath", "defs", "lineargradient", "radialgradient", "stop", "image", "title", "desc", "ellipse", "polygon", "polyline"]);
const ADDRESSES = /^(data:image\/(png|jpeg|gif|webp);|#)/i;
const WIDTH = 520;
const HEIGHT = 260;

/** Leave nothing in a drawing that could run, load or lead anywhere. */
export function stilled(text) {
  // Styles would be reported by the policy of this page while they are parsed; what is left of them goes below.
  const root = new DOMParser().parseFromString(text.replace(/ style="[^"]*"/g, ""), "image/svg+xml").documentElement;
  if (root.localName !== "svg") throw new Error("no drawing");
  const clean = (element) => {
    for (const child of [...element.children]) {
      if (ELEMENTS.has(child.localName.toLowerCase())) clean(child);
      else if (child.localName === "a") {
        clean(child);
        child.replaceWith(...child.childNodes);
      } else child.remove();
    }
    for (const { name, value } of [...element.attributes]) {
      const isAddress = /(^|:)href$/i.test(name);
      if (/^(on|style$)/i.test(name) || (isAddress && !ADDRESSES.test(value)) || /url\(\s*["']?(?!#)/i.test(value) || /javascript:/i.test(value)) element.removeAttribute(name);
    }
  };
  clean(root);
  return root;
}

/** One chart in the colours of paper. */
async function drawn(panel, { colors, ofRuns }) {
  if (!panel.answer || !panel.document) await panel.load();
  if (!panel.answer || !panel.document) return null;
  const rows = panel.rowsOf(panel.answer, colors).map((one) => one.row);
  if (!rows.length) return null;
  const place = make("div", { hidden: true });
  document.body.append(place);
  try {
    const { fields, strings, preset, vega } = panel.spec;
    const columns = [...new Set([...ofRuns, ...panel.answer.columns])];
    const settings = { fields, strings, preset: vega ? "" : preset, title: panel.name };
    const made = await drawVega(place, panel.document, { rows, columns, settings, colors, description: panel.summary(), width: WIDTH, height: HEIGHT });
    const svg = stilled(await made.view.toSVG());
    made.view.finalize();
    return svg;
  } finally {
    place.remove();
  }
}

/** Fetch the export at `address` and put the drawings of these panels into it, in these colours and with the columns of runs; the whole file as text. */
export async function exported(address, panels, look) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  let text = await answer.text();
  for (const panel of panels) {
    const svg = await drawn(panel, look).catch(() => null);
    if (svg) text = text.replace(`<!--drawing ${panel.spec.id}-->`, () => svg.outerHTML);
  }
  return text;
}
