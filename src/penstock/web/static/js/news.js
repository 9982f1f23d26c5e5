// The bell: how much happened since the reader last looked, and what. Asked for once a page, and again when the menu opens.

import { remember } from "./dom.js";
import { waitForText } from "./waiting.js";

const menu = document.getElementById("news");

async function load() {
  const html = await waitForText(menu.querySelector(".menu-body"), menu.dataset.news, load);
  if (html === undefined) return;
  const page = new DOMParser().parseFromString(html, "text/html");
  const part = page.querySelector("[data-news-count]");
  if (!part) return;
  show(Number(part.dataset.newsCount));
  menu.querySelector(".menu-body").replaceChildren(part);
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}

function show(count) {
  const badge = menu.querySelector("[data-news-badge]");
  badge.hidden = count === 0;
  badge.firstChild.textContent = count > 9 ? "9+" : String(count);
}

if (menu) {
  load();
  menu.addEventListener("toggle", async () => {
    if (!menu.open) return;
    await load();
    const now = menu.querySelector("[data-news-now]")?.dataset.newsNow;
    if (now) remember("penstock_seen", now);
    show(0);
  });
}
