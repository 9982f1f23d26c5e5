// The panel beside a lineage drawing: what the chosen node is, `show` in the address. Once closed, the focus is on the node.

import { isTyping } from "./dom.js";
import { startPreviews } from "./preview.js";
import { waitForText } from "./waiting.js";

const panel = document.getElementById("lineage-panel");
const frame = document.getElementById("lineage-frame");

/** Reference of the node that the address names, or null. */
export function shownNode() {
  return new URL(location.href).searchParams.get("show");
}

/** The page with another node in its panel, or with none. */
function addressOf(ref) {
  const address = new URL(location.href);
  if (ref === null) address.searchParams.delete("show");
  else address.searchParams.set("show", ref);
  address.hash = "";
  return address;
}

/** Say which node is shown: to the drawing, and to the form above it, so that another depth keeps the panel. */
function tell(ref) {
  const field = document.querySelector(".table-tools input[name=show]");
  if (field) {
    field.value = ref ?? "";
    field.disabled = ref === null;
  }
  document.dispatchEvent(new CustomEvent("penstock:node", { detail: ref }));
}

/** Open the panel of a node; with `isEntered` the focus goes there. */
export async function openNode(ref, { push = true, isEntered = false } = {}) {
  const source = new URL(panel.dataset.source, location.href);
  source.searchParams.set("show", ref);
  const hadFocus = isEntered || panel.contains(document.activeElement);
  panel.hidden = false;
  frame.classList.add("has-panel");
  if (push && shownNode() !== ref) history.pushState(history.state, "", addressOf(ref));
  tell(ref);
  if (hadFocus) panel.focus({ preventScroll: true });
  const html = await waitForText(panel, source, () => openNode(ref, { push: false }), { bars: 6 });
  if (html === undefined) return;
  const holder = new DOMParser().parseFromString(html, "text/html");
  panel.replaceChildren(...holder.body.childNodes);
  for (const cluster of panel.querySelectorAll("[data-members]")) searchMembers(cluster);
  startPreviews(panel);
  if (hadFocus) panel.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}

/** Close the panel. */
function closeNode({ push = true } = {}) {
  const ref = shownNode();
  const hadFocus = panel.contains(document.activeElement);
  panel.waiting?.abort();
  panel.hidden = true;
  panel.replaceChildren();
  frame.classList.remove("has-panel");
  if (push && ref !== null) history.pushState(history.state, "", addressOf(null));
  tell(null);
  if (!hadFocus) return;
  const node = ref && document.querySelector(`#lineage .node[data-id="${CSS.escape(ref)}"]`);
  (node || document.getElementById("lineage")).focus({ preventScroll: true });
}

/** What is typed in the field of a cluster leaves those of its members in the list that contain it. */
export function searchMembers(cluster) {
  const members = [...cluster.querySelectorAll("li")];
  cluster.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const member of members) member.hidden = !member.textContent.toLowerCase().includes(wanted);
    cluster.querySelector("[role=status]").hidden = members.some((member) => !member.hidden);
  });
}

if (panel) {
  panel.addEventListener("click", (event) => {
    if (event.target.closest("[data-lineage-close]")) closeNode();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-lineage-show]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openNode(link.dataset.lineageShow, { isEntered: event.detail === 0 });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden || isTyping(event) || document.querySelector("dialog[open]")) return;
    closeNode();
  });
  window.addEventListener("popstate", () => {
    const ref = shownNode();
    if (ref !== null) openNode(ref, { push: false });
    else if (!panel.hidden) closeNode({ push: false });
  });
  if (shownNode() !== null) openNode(shownNode(), { push: false });
}
