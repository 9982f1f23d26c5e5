// Two pictures beside each other, or one over the other with a slider that says how much of the older one is shown.

import { make } from "./dom.js";

function pair(place) {
  const words = JSON.parse(place.dataset.swipe);
  const [older] = place.querySelectorAll("img");
  const at = make("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": words.at, hidden: true });
  const cut = () => { older.style.clipPath = place.classList.contains("is-swiped") ? `inset(0 ${100 - Number(at.value)}% 0 0)` : ""; };
  const choice = (word, isSwiped) => make("button", { class: "button small", type: "button", "aria-pressed": String(!isSwiped), onclick: (event) => {
    for (const one of event.currentTarget.parentElement.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === event.currentTarget));
    place.classList.toggle("is-swiped", isSwiped);
    at.hidden = !isSwiped;
    cut();
  } }, word);
  at.addEventListener("input", cut);
  place.before(make("div", { class: "row wrapping swipe-tools" }, choice(words.beside, false), choice(words.swipe, true), at));
}

for (const place of document.querySelectorAll("[data-swipe]")) pair(place);
