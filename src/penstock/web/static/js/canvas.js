// Canvases that are drawn in CSS pixels, sharp on every screen.

/** The context of a canvas with its size in CSS pixels; `usualHeight` is for one that is not laid out yet. What was drawn is gone. */
export function sized(canvas, usualHeight) {
  const width = canvas.clientWidth || 320;
  const height = canvas.clientHeight || usualHeight;
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const ctx = canvas.getContext("2d");
  ctx.scale(devicePixelRatio, devicePixelRatio);
  return { ctx, width, height };
}
