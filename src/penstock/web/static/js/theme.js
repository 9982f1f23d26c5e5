// Colours of the theme for what is drawn by script.

import { make } from "./dom.js";
import { COLORS, STYLES } from "./looks.js";

const probe = make("span", { hidden: true, "aria-hidden": "true" });

/** Lengths of dashes as a canvas takes them; none for a plain line. */
const dashOf = (text) => (/\d/.test(text) ? text.trim().split(/\s+/).map(Number) : undefined);

/** The colours of the theme as the canvas needs them; of the light or dark one when asked for it. */
export function themeColors(scheme = "") {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.colorScheme = scheme;
  const read = (name) => {
    probe.style.color = `var(${name})`;
    probe.style.forcedColorAdjust = /^--(series|failed|grid)/.test(name) ? "none" : "auto"; // where the system forces its colours, series keep theirs
    return getComputedStyle(probe).color;
  };
  return {
    series: Array.from({ length: COLORS }, (_, i) => read(`--series-${i + 1}`)),
    dashes: Array.from({ length: STYLES }, (_, i) => dashOf(getComputedStyle(probe).getPropertyValue(`--dash-${i + 1}`))),
    line: read("--grid"), text: read("--muted"), faint: read("--line-strong"), failed: read("--failed"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}
