// Files of things in space as drawings: solids, clouds of points, molecules. Fetched when there is one, not with the page.

import { isMolecule, moleculeOf } from "./molecules.js";
import { isSolid, solidOf } from "./solid_files.js";
import { spaceElement } from "./space.js";

/** An element for the bytes of a stored file. Throws when nothing in it can be drawn. */
export function spaceOf(bytes, name, label) {
  if (!isMolecule(name) && !isSolid(name)) throw new Error("no kind that is drawn");
  const scene = isMolecule(name) ? moleculeOf(new TextDecoder().decode(bytes), name) : solidOf(bytes, name);
  if (scene.isEmpty) throw new Error("nothing to draw");
  return spaceElement(scene, label);
}
