// Lays out large graphs away from the page's own thread. Takes {id, kind, work}, answers {id, placed} or {id, problem}.

import { inBlocks } from "./blocks.js";
import { layoutFlat, layoutScope } from "./layout.js";

self.addEventListener("message", ({ data: { id, kind, work } }) => {
  try {
    const placed = kind === "flat" ? layoutFlat(work)
      : layoutScope(work.root, work.data, new Set(work.open), new Map(work.rounds), { ...work.options, inBlocks });
    self.postMessage({ id, placed });
  } catch (error) {
    self.postMessage({ id, problem: String(error) });
  }
});
