// The frame: theme, language, rail, search dialog, menus, copying, clocks, notices, keys, confirmation.

import "./clocks.js";
import "./cut_texts.js";
import "./forms.js";
import "./keys.js";
import "./news.js";
import "./scrollers.js";
import "./waiting.js";

import { ago, duration, isTyping, make, remember, text } from "./dom.js";
import { startLive } from "./live.js";

const root = document.documentElement;
const rail = document.getElementById("rail");

function isDark() {
  const { theme } = root.dataset;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function applyTheme(asked) {
  const choice = asked === "toggle" ? (isDark() ? "light" : "dark") : asked;
  root.dataset.theme = choice;
  remember("penstock_theme", choice);
  for (const button of document.querySelectorAll("button[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
  document.dispatchEvent(new CustomEvent("penstock:theme"));
}

// An embedded run stands in a frame, and no other page of ours does: links that leave it lead the whole window there.
if (window.top !== window) document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (link instanceof HTMLAnchorElement && new URL(link.href).searchParams.get("kfp") !== "true") link.target ||= "_top";
}, true);

function openSearch() {
  const dialog = document.getElementById("search");
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const input = dialog.querySelector("input");
  input.select();
  input.dispatchEvent(new CustomEvent("open"));
}

function moveResult(step) {
  const results = [...document.querySelectorAll("#search-results .result")];
  if (!results.length) return;
  const at = results.findIndex((result) => result.getAttribute("aria-selected") === "true");
  const next = results[(at + step + results.length) % results.length];
  for (const result of results) result.setAttribute("aria-selected", String(result === next));
  next.scrollIntoView({ block: "nearest" });
  document.querySelector("#search input")?.setAttribute("aria-activedescendant", next.id);
}

// Screen readers tell what comes into a place that was there before: it is empty, and not to be seen, while nothing is said.
const spoken = make("div", { class: "notice", role: "status" });
document.body.append(spoken);
let silence = null;

function say(message) {
  document.querySelector("[data-notice]")?.remove();
  const layer = document.querySelector("dialog[open]") ?? document.body;
  if (spoken.parentNode !== layer) layer.append(spoken); // what lies below a dialog is neither seen nor told
  spoken.textContent = message;
  clearTimeout(silence);
  silence = setTimeout(() => { spoken.textContent = ""; }, 2500);
}

async function copy(value, button) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    const area = make("textarea", { class: "hidden-text" });
    area.value = value;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(text("copied"));
  button?.focus();
}

function confirmFirst(form, submitter, message) {
  const dialog = make("dialog", { "aria-label": text("confirm") });
  const word = submitter?.textContent?.trim() || text("confirm");
  const go = make("button", { class: "button primary danger", type: "button" }, word);
  const stay = make("button", { class: "button", type: "button" }, word === text("cancel") ? text("leave") : text("cancel"));
  dialog.append(make("div", { class: "body" }, make("p", {}, message), make("footer", {}, stay, go)));
  document.body.append(dialog);
  stay.addEventListener("click", () => dialog.close());
  go.addEventListener("click", () => {
    form.dataset.confirmed = "yes";
    dialog.close();
    form.requestSubmit(submitter ?? undefined);
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  stay.focus();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest?.("button, a, summary");
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!event.composedPath().includes(menu)) menu.open = false;
  if (rail?.classList.contains("is-open") && !rail.contains(event.target) && !target?.matches("[data-rail-open]")) rail.classList.remove("is-open");
  if (!target) {
    if (event.target instanceof HTMLDialogElement) event.target.close();
    return;
  }
  const data = target.dataset;
  if ("themeChoice" in data) {
    applyTheme(data.themeChoice);
    if (target.matches("a")) event.preventDefault();
    target.closest("dialog")?.close();
  }
  else if ("languageChoice" in data) {
    remember("penstock_lang", data.languageChoice);
    location.reload();
  } else if ("railToggle" in data) {
    const isSmall = document.getElementById("frame").classList.toggle("is-small");
    remember("penstock_rail", isSmall ? "small" : "wide");
  } else if ("railOpen" in data) {
    rail.classList.add("is-open");
    rail.querySelector("a")?.focus();
  } else if ("searchOpen" in data) openSearch();
  else if ("keysOpen" in data) document.getElementById("keys").showModal();
  else if ("copyPicked" in data) copy([...document.querySelectorAll("[data-rows] tbody .pick input:checked")].map((box) => box.dataset.id ?? box.value).join("\n"), target);
  else if ("close" in data) target.closest("dialog").close();
  else if ("dismiss" in data) {
    target.closest("[data-notice]").remove();
    document.getElementById("main")?.focus({ preventScroll: true });
  }
  else if ("copyLink" in data) copy(location.href, null);
  else if ("copy" in data) copy(data.copy, target);
  else if ("copyBlock" in data) copy(target.closest(".code-block").querySelector("pre").textContent, target);
  else if ("openDialog" in data) openDialog(document.getElementById(data.openDialog), target.closest("details.menu"));
});

// A dialog that is opened from a menu takes the menu's place, and gives the focus back to its button.
function openDialog(dialog, menu) {
  if (!dialog) return;
  if (menu) {
    menu.open = false;
    dialog.addEventListener("close", () => menu.querySelector("summary").focus(), { once: true });
  }
  dialog.showModal();
}

// A menu that would open over the edge of the page opens to its other side.
document.addEventListener("toggle", ({ target }) => {
  const body = target.open && target.matches("details.menu") ? target.querySelector(":scope > .menu-body") : null;
  if (!body) return;
  target.classList.remove("turned");
  const { left, right } = body.getBoundingClientRect();
  const start = target.closest("main")?.getBoundingClientRect().left ?? 0;
  target.classList.toggle("turned", target.matches(".left") ? right > innerWidth : left < start);
}, true);

// What can be undone asks only when it takes more rows than `data-confirm-over`.
function manyPicked(form, submitter) {
  const limit = Number(submitter?.dataset.confirmOver);
  if (!limit) return undefined;
  const count = [...form.elements].filter((field) => field.name === "id" && field.checked).length;
  const all = form.elements.matching?.checked;
  return all || count > limit ? `${submitter.dataset.confirmText}${all ? "" : ` (${count})`}` : undefined;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const message = manyPicked(form, event.submitter) ?? event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (message && form.dataset.confirmed !== "yes") {
    event.preventDefault();
    confirmFirst(form, event.submitter, message);
  }
}, true);

let answered = null; // the words whose results are there
let isEntered = false;

/** Go to the chosen result; Enter waits for what was found for all that was typed. */
function openResult() {
  const { value } = document.querySelector("#search input");
  isEntered = value !== answered;
  if (isEntered) return;
  const chosen = document.querySelector('#search-results [aria-selected="true"]') ?? document.querySelector("#search-results .result");
  if (chosen) chosen.click();
  else if (value.trim()) location.href = `/ui/search?q=${encodeURIComponent(value.trim())}`;
}

document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig } }) => {
  if (target.id !== "search-results") return;
  answered = requestConfig.parameters.q;
  if (isEntered && target.checkVisibility()) openResult();
});

document.querySelector("#search")?.addEventListener("keydown", (event) => {
  isEntered = false;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    moveResult(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    openResult();
  }
});

/** The menu of actions of the row under the cursor, else of the page; the first of them gets the focus. */
function openActions() {
  const menu = document.querySelector("[data-rows] tr.is-cursor details.menu") ?? document.querySelector(".page-head .actions details.menu") ?? document.querySelector(".page-head details.menu");
  if (!menu) {
    document.querySelector(".page-head .actions :is(a, button)")?.focus();
    return;
  }
  menu.open = true;
  (menu.querySelector(".menu-body :is(a, button)") ?? menu.querySelector("summary")).focus();
}

const SECTIONS = { h: "home", p: "pipelines", e: "experiments", r: "runs", s: "recurring", x: "executions", a: "artifacts", t: "projects", f: "flows" };
let isGoing = 0;

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openSearch();
    return;
  }
  if (event.key === "Escape" && event.target.closest?.("#search input")) { // browsers would empty the field first
    event.preventDefault();
    event.stopImmediatePropagation();
    document.getElementById("search").close();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z" && !event.defaultPrevented && !isTyping(event)) {
    const undo = document.querySelector("[data-notice] form button");
    if (undo) {
      event.preventDefault();
      undo.click();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
  if (event.key === " " && event.target.matches?.('a[role="button"]')) {
    event.preventDefault();
    event.target.click();
    return;
  }
  if (isGoing && Date.now() - isGoing < 1500 && SECTIONS[event.key]) {
    isGoing = 0;
    location.href = `/ui/${SECTIONS[event.key]}`;
    event.preventDefault();
    return;
  }
  isGoing = 0;
  if (event.key === "g") isGoing = Date.now();
  else if (event.key === "?") document.getElementById("keys")?.showModal();
  else if (event.key === "/") {
    const field = document.querySelector("[data-filter] input, #graph-search");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  } else if (event.key === ".") openActions();
  else if (event.key === "Escape") {
    if (rail?.classList.contains("is-open")) {
      rail.classList.remove("is-open");
      document.querySelector("[data-rail-open]")?.focus();
      event.stopImmediatePropagation();
      return;
    }
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopImmediatePropagation();
    }
  }
});

const FORMS_OF_VIEWERS = ["/authorize", "/signin/out"];

/** Say beforehand what a viewer would be refused: buttons that change something are off, with the reason. */
function holdBack() {
  const reason = document.body.dataset.refusal;
  if (!reason) return;
  for (const form of document.querySelectorAll('form[method="post"]')) {
    if (FORMS_OF_VIEWERS.includes(new URL(form.getAttribute("action") ?? "", location.href).pathname)) continue;
    for (const button of form.querySelectorAll("button:not([type=button])")) {
      button.disabled = true;
      button.title = reason;
    }
  }
}
holdBack();
document.addEventListener("penstock:patched", holdBack);
document.addEventListener("htmx:afterSwap", holdBack);

/** Bring clocks up to date. */
function tick() {
  const now = Date.now() / 1000;
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const shown = ago(Date.parse(element.dateTime) / 1000, now);
    if (element.textContent !== shown) element.textContent = shown;
  }
  for (const element of document.querySelectorAll("[data-since]")) {
    element.textContent = duration(now - Number(element.dataset.since));
  }
}
tick();
setInterval(tick, 1000);

document.addEventListener("penstock:patched", tick);
document.addEventListener("htmx:afterSwap", tick);

const NOTICE_SECONDS = 20;

/** Let a notice go after a while that its undo button counts down; not while somebody points at it, is in it, or looks elsewhere. */
function countDown(notice) {
  let left = NOTICE_SECONDS;
  const shown = make("span", { class: "num countdown", "aria-hidden": "true" });
  notice.querySelector("form button")?.append(shown);
  const timer = setInterval(() => {
    if (!notice.isConnected) clearInterval(timer);
    if (document.hidden || notice.matches(":hover, :focus-within")) return;
    left -= 1;
    shown.textContent = `${left} s`;
    if (left <= 0) notice.remove();
  }, 1000);
  shown.textContent = `${left} s`;
}
const notice = document.querySelector("[data-notice]");
if (notice && !notice.classList.contains("is-error")) countDown(notice);
// What a page begins with is not read out; what comes into it is.
const words = notice?.querySelector(":scope > .wrap");
words?.replaceChildren(...words.childNodes);

// The system's own change of colours is one of the theme, too: drawings take their colours anew.
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"]) {
  matchMedia(query).addEventListener("change", () => document.dispatchEvent(new CustomEvent("penstock:theme")));
}

// Paper is white: while a page is printed its drawings have the colours of the light theme, too.
for (const [name, theme] of [["beforeprint", () => isDark() && "light"], ["afterprint", () => root.dataset.screenTheme]]) {
  addEventListener(name, () => {
    const wanted = theme();
    if (!wanted) return;
    if (name === "beforeprint") root.dataset.screenTheme = root.dataset.theme;
    else delete root.dataset.screenTheme;
    root.dataset.theme = wanted;
    document.dispatchEvent(new CustomEvent("penstock:theme", { detail: { isNow: true } })); // what is drawn later is not printed
  });
}

// Rows of tabs and of versions scroll where they do not fit; the open one is in sight.
for (const tab of document.querySelectorAll("nav.tabs [aria-current], .version-strip [aria-current]")) {
  const row = tab.closest("nav");
  row.scrollLeft = Math.max(0, tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2);
}

startLive();
// Until here the page says by itself that its scripts do not come (frame.css); without htmx, which comes before, menus would stay empty.
if (window.htmx) root.dataset.ready = "";
