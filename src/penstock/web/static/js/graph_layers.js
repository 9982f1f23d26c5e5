// A group of the graph opened as a layer of its own: the way back as breadcrumbs, and which iteration of a loop is shown.

import { icon, make, text } from "./dom.js";

/** Show where the drawing is: `trail` from the outermost group to the open one; `rounds` iterations of it, when it is a loop. */
export function showTrail(place, sprite, trail, { go, rounds = [], chosen = null, choose }) {
  if (!place) return;
  place.hidden = !trail.length;
  if (!trail.length) {
    place.replaceChildren();
    return;
  }
  const step = (id, name) => make("button", { class: "link", type: "button", onclick: () => go(id) }, name);
  const parts = [step(null, text("whole graph"))];
  trail.forEach(({ id, name }, at) => {
    parts.push(make("span", { class: "faint", "aria-hidden": "true" }, "/"));
    parts.push(at < trail.length - 1 ? step(id, name) : make("strong", { "aria-current": "location" }, name));
  });
  if (rounds.length) {
    const at = Math.max(0, rounds.findIndex(([id]) => id === chosen));
    const turn = (by, name, label) => make("button", { class: "button small square", type: "button", "aria-label": label, disabled: !rounds[at + by], onclick: () => choose(rounds[at + by][0]) }, icon(sprite, name));
    parts.push(turn(-1, "chevron-left", text("previous iteration")), make("span", { class: "num" }, `${text("iteration")} ${rounds[at][1] ?? at} (${at + 1}/${rounds.length})`), turn(1, "chevron-right", text("next iteration")));
    if (rounds[at][3]) parts.push(make("span", { class: "cut small mono faint" }, rounds[at][3]));
  }
  place.replaceChildren(...parts);
}
