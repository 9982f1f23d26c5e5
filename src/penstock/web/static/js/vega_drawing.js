// Drawings of Vega and Vega-Lite specifications: how they are drawn, and with what, comes when the first one is wanted.

let late = null;

/** What draws them, once it and its libraries are here. Most pages never need it, so that no page names it in its head. */
const drawer = () => import(new URL("./vega_view.js", import.meta.url).href);

/** Dashes as Vega takes them: a plain line is one long dash. */
export const solid = (dash) => dash ?? [1000, 0];

/** Draw a specification over rows in `place`; the view, and what was odd about it. Throws what stands in the way. */
export async function drawVega(place, spec, { colors, ...wishes }) {
  late ??= drawer().catch((error) => {
    late = null;
    throw error;
  });
  const { drawVega: draw } = await late;
  return draw(place, spec, { ...wishes, colors, dashes: colors.dashes.map(solid) });
}
