// How runs look in drawings: a number is one of eight colours in one of seven styles (`.series-N` in charts.css), so that 56 runs differ. A
// style is the dashes of a line, the shape of a mark, the stripes of a bar. The server gives each run its number (`web/tracking/run_colors.py`).

export const COLORS = 8;
export const STYLES = 7;

/** Place of the colour among the colours, from 0. */
export const colorAt = (look) => (look - 1) % COLORS;

/** Place of the style among the styles, from 0: plain lines, round marks. */
export const styleAt = (look) => Math.floor((look - 1) / COLORS) % STYLES;

/** The look with the colour of `look` and the style at a place; places go round. */
export const restyled = (look, style) => colorAt(look) + 1 + COLORS * (style % STYLES);

/** The look with the next colour in the same style. */
export const recolored = (look) => restyled(colorAt(look) + 2, styleAt(look));

/** Class of what has a look. */
export const lookClass = (look) => `series-${restyled(look, styleAt(look))}`;

const MARKS = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "M-.56,-1L0,-.44L.56,-1L1,-.56L.44,0L1,.56L.56,1L0,.44L-.56,1L-1,.56L-.44,0L-1,-.56Z"];

/** Shape of the marks of a look as Vega knows it. */
export const vegaMark = (look) => MARKS[styleAt(look)];

/** Lines of one drawing, those with the look of one before them in another style. */
export function apart(lines) {
  const taken = new Set();
  return lines.map((one) => {
    const looks = Array.from({ length: STYLES }, (_, step) => restyled(one.color, styleAt(one.color) + step));
    const color = looks.find((look) => !taken.has(look)) ?? looks[0];
    taken.add(color);
    return { ...one, color };
  });
}
