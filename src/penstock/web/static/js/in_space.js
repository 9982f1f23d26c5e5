// Files of things in space as drawings: solids, clouds of points, molecules. Fetched when there is one, not with the page.

import { isMolecule, moleculeOf } from "./molecules.js";
import { isSolid, solidOf } from "./solid_files.js";
import { spaceElement } from "./space.js";
import { say } from "./words.js";

/** Nothing in a file can be drawn; `told` says why, where the file says so. */
class NothingDrawnError extends Error {
  constructor(told = "") {
    super("nothing to draw");
    this.told = told;
  }
}

/** An element for the bytes of a stored file. Throws when nothing in it can be drawn. */
export function spaceOf(bytes, name, label) {
  if (/\.mmtf(\.gz)?$/i.test(name)) throw new NothingDrawnError(say("space packed", { name: "MMTF" }));
  if (!isMolecule(name) && !isSolid(name)) throw new Error("no kind that is drawn");
  const scene = isMolecule(name) ? moleculeOf(new TextDecoder().decode(bytes), name) : solidOf(bytes, name);
  if (scene.isEmpty) throw new NothingDrawnError(scene.told.join(" · "));
  return spaceElement(scene, label);
}
