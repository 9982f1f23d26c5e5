// What is asked of a drawn lineage applies as it is moved: the address, the drawing and the list below follow. Without script there is a button.

import { patch } from "./live.js";
import { waitForText } from "./waiting.js";

const PARTS = ["lineage-asked", "lineage-said", "lineage-more", "lineage-table"];
const ASKED = ["of", "around", "direction", "depth", "contents", "explode", "expand", "to"];
const REST = 150;
const form = document.getElementById("lineage-asked");

/** What an address asks of the drawing; which panel is open is no part of it, nor is what else the page shows. */
function wish(address) {
  const { searchParams } = new URL(address, location.href);
  return ASKED.map((name) => searchParams.get(name) ?? "").join("\n");
}

/** The page as the form asks for it. */
function asked() {
  const address = new URL(location.href);
  const given = new FormData(form);
  for (const name of ASKED) {
    if (given.get(name)) address.searchParams.set(name, given.get(name));
    else address.searchParams.delete(name);
  }
  return address;
}

/** Follow the form and the history: fetch what they ask for, show it in place, and `redraw` at `place`. */
export function followForm(place, redraw) {
  if (!form) return;
  form.querySelector("[type=submit]").hidden = true;
  let shown = wish(location.href);
  let timer = 0;
  const load = async (address) => {
    const html = await waitForText(place, address, () => load(address), { bars: 0 });
    if (html === undefined) return;
    shown = wish(address);
    const page = new DOMParser().parseFromString(html, "text/html");
    const hadFocus = form.contains(document.activeElement);
    for (const id of PARTS) if (document.getElementById(id)) patch(document.getElementById(id), page.getElementById(id));
    for (const id of ["lineage", "lineage-panel"]) document.getElementById(id).dataset.source = page.getElementById(id).dataset.source;
    const drawing = document.getElementById("lineage-drawing"); // on pages of other things it is fetched
    if (drawing) drawing.textContent = page.getElementById("lineage-drawing").textContent;
    if (hadFocus && !form.contains(document.activeElement)) place.focus({ preventScroll: true });
    redraw();
    document.dispatchEvent(new CustomEvent("penstock:patched"));
  };
  const apply = () => {
    clearTimeout(timer);
    const address = asked();
    if (wish(address) === wish(location.href)) return;
    history.replaceState(history.state, "", address);
    load(address);
  };
  form.addEventListener("input", ({ target }) => {
    if (target.name === "depth") target.parentElement.querySelector(".num").textContent = target.value;
    clearTimeout(timer);
    timer = setTimeout(apply, target.name === "depth" ? REST : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  window.addEventListener("popstate", () => {
    if (wish(location.href) !== shown) load(location.href);
  });
}
