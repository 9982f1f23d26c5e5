// Colours of the theme for what is drawn by script.

import { make } from "./dom.js";
import { colorAt, COLORS, isOwn, lookClass, STYLES } from "./looks.js";

const probe = make("span", { hidden: true, "aria-hidden": "true" });

/** Lengths of dashes as a canvas takes them; none for a plain line. */
const dashOf = (text) => (/\d/.test(text) ? text.trim().split(/\s+/).map(Number) : undefined);

/** The colours of the theme as the canvas needs them; of the light or dark one when asked for it. `of` a look is its own or one of `series`. */
export function themeColors(scheme = "") {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.colorScheme = scheme;
  const read = (name) => {
    probe.style.color = `var(${name})`;
    probe.style.forcedColorAdjust = /^--(series|failed|grid)/.test(name) ? "none" : "auto"; // where the system forces its colours, series keep theirs
    return getComputedStyle(probe).color;
  };
  const series = Array.from({ length: COLORS }, (_, i) => read(`--series-${i + 1}`));
  const own = (look) => {
    probe.style.colorScheme = scheme;
    probe.className = lookClass(look);
    return read("--series");
  };
  return {
    series, of: (look) => (isOwn(look) ? own(look) : series[colorAt(look)]),
    dashes: Array.from({ length: STYLES }, (_, i) => dashOf(getComputedStyle(probe).getPropertyValue(`--dash-${i + 1}`))),
    line: read("--grid"), text: read("--muted"), faint: read("--line-strong"), failed: read("--failed"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}
