// Fields that the server offers choices for while somebody types: more than a page could list. Without script the whole name is typed.

import { make, throttle } from "./dom.js";

const offers = new Map();

/** What the server offers, asked for once. */
export async function offered(address) {
  if (!offers.has(address)) {
    offers.set(address, fetch(address, { credentials: "same-origin" }).then((answer) => (answer.ok ? answer.json() : [])).catch(() => []));
  }
  return offers.get(address);
}

async function offer(field) {
  const asked = field.value;
  const found = await offered(`${field.dataset.choices}?${new URLSearchParams({ text: asked })}`);
  const list = document.getElementById(field.getAttribute("list"));
  if (!list || field.value !== asked) return;
  list.replaceChildren(...found.map(([value, note]) => make("option", { value }, note)));
}

let typed = null;
const offerSoon = throttle(() => offer(typed), 150);

document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("[data-choices]")) offer(event.target);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-choices]")) return;
  typed = event.target;
  offerSoon();
});
