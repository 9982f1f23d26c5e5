// How runs look in drawings: a number is one of eight colours in one of seven styles (`.series-N` in charts.css), so that 56 runs differ. A
// style is the dashes of a line, the shape of a mark, the stripes of a bar. The server gives each run its number (`web/tracking/run_colors.py`).
// A look that a client chose is `"4 #ff0000 #ff0000"`: a number, and the very colour in the light theme and in the dark one.

export const COLORS = 8;
export const STYLES = 7;

const OWN = /^([1-9]\d?) (#[0-9a-f]{6}) (#[0-9a-f]{6})$/;
const numberOf = (look) => Number(OWN.exec(look)?.[1] ?? look);
const inkOf = (look) => OWN.exec(look)?.slice(2) ?? null;

/** Whether a look has a colour that is none of the eight. */
export const isOwn = (look) => OWN.test(look);

/** Place of the colour among the colours, from 0; of one of its own, of that which stands for it. */
export const colorAt = (look) => (numberOf(look) - 1) % COLORS;

/** Place of the style among the styles, from 0: plain lines, round marks. */
export const styleAt = (look) => Math.floor((numberOf(look) - 1) / COLORS) % STYLES;

/** The look with the colour of `look` and the style at a place; places go round. */
export function restyled(look, style) {
  const number = colorAt(look) + 1 + COLORS * (style % STYLES);
  return isOwn(look) ? [number, ...inkOf(look)].join(" ") : number;
}

/** The look with the next of the eight colours in the same style. */
export const recolored = (look) => restyled(colorAt(look) + 2, styleAt(look));

const sheet = new CSSStyleSheet();
const ruled = new Set();

/** Class of a colour of its own, with its rule; whoever wants high contrast sees what stands for it. */
function inkClass([light, dark]) {
  const name = `ink-${light.slice(1)}-${dark.slice(1)}`;
  if (!ruled.size) document.adoptedStyleSheets.push(sheet);
  if (!ruled.has(name)) sheet.insertRule(`@media not (prefers-contrast: more) { :root:not([data-theme="contrast"]) .${name} { --series: light-dark(${light}, ${dark}); } }`);
  ruled.add(name);
  return name;
}

/** Class of what has a look. */
export const lookClass = (look) => [`series-${numberOf(restyled(look, styleAt(look)))}`, ...(isOwn(look) ? [inkClass(inkOf(look))] : [])].join(" ");

const MARKS = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "M-.56,-1L0,-.44L.56,-1L1,-.56L.44,0L1,.56L.56,1L0,.44L-.56,1L-1,.56L-.44,0L-1,-.56Z"];

/** Shape of the marks of a look as Vega knows it. */
export const vegaMark = (look) => MARKS[styleAt(look)];

/** Lines of one drawing, those with the look of one before them in another style. */
export function apart(lines) {
  const taken = new Set();
  return lines.map((one) => {
    const looks = Array.from({ length: STYLES }, (_, step) => restyled(one.color, styleAt(one.color) + step));
    const color = looks.find((look) => !taken.has(numberOf(look))) ?? looks[0];
    taken.add(numberOf(color));
    return { ...one, color };
  });
}
