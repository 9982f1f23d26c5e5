// Pushed updates: listens to the page's event stream and patches the regions marked `data-live` in place.
// The page is fetched again as a whole and only differing elements change, so scroll, selection, open panels and typed text stay.

import { clock } from "./clocks.js";
import { make, text, throttle } from "./dom.js";
import { isStranger } from "./session.js";

const PATCH_PAUSE = 900;
const STALE_AFTER = 20000;
// Browsers keep six connections to a server without TLS, over all of their tabs: streams have to leave some for pages.
const MOST_STREAMS = 4;
const POLL_PAUSE = 5000;

let source = null;
let lostAt = 0;
let isHeld = false;
let isMissed = false;
let isSeeking = false;
let poll = null;
let letGo = null;
// Regions that show more than their address has: what brings each up to date, from the fetched region.
const keepers = new Map();
let shown = null;

/** Start listening, if the page asks for it. Hidden pages do not listen; they catch up when they are shown. */
export function startLive() {
  const address = document.body.dataset.liveStream;
  if (!address) return;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      rest();
      return;
    }
    listen(address);
    if (isMissed) refresh();
  });
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) listen(address);
  });
  // What is pressed stays what it is until it is let go or dragged.
  for (const name of ["down", "move", "up", "cancel"]) document.addEventListener(`pointer${name}`, ({ buttons }) => { isHeld = buttons % 2 > 0; }, true);
  setInterval(showAge, 1000);
  document.addEventListener("penstock:session", ({ detail: isOn }) => badge(isOn ? (letGo && !lostAt ? "live" : "reconnecting") : "out"));
  listen(address);
}

/** Take one of the places for streams that all tabs of this server share; while none is free, look at everything every few seconds. */
async function listen(address) {
  clearTimeout(poll);
  if (document.hidden || isSeeking || letGo) return;
  if (!navigator.locks) { // they need TLS or this machine
    occupy(address);
    return;
  }
  isSeeking = true;
  for (let place = 0; place < MOST_STREAMS; place += 1) {
    const had = await navigator.locks.request(`penstock.live.${place}`, { ifAvailable: true }, (lock) => lock && occupy(address));
    if (had) return;
  }
  isSeeking = false;
  if (document.hidden) return;
  if (!lostAt) badge("polling");
  poll = setTimeout(() => {
    lookAgain();
    listen(address);
  }, POLL_PAUSE);
}

/** Listen until `rest`; what is returned is settled then. */
function occupy(address) {
  isSeeking = false;
  if (document.hidden) return Promise.resolve(true);
  connect(address);
  return new Promise((resolve) => {
    letGo = () => {
      letGo = null;
      source.close();
      resolve(true);
    };
  });
}

function rest() {
  clearTimeout(poll);
  lostAt = 0;
  letGo?.();
}

function connect(address) {
  const own = new EventSource(address);
  source = own;
  source.addEventListener("hello", (event) => {
    const isAgain = lostAt > 0;
    lostAt = 0;
    isStranger({ status: 200 });
    badge("live");
    // The address says when the page was read, and what changed since then follows; only when the server does not know it all, everything
    // is looked at again, and so it is after a loss of the stream.
    if (isAgain || !JSON.parse(event.data).is_whole) lookAgain();
  });
  source.addEventListener("change", (event) => {
    const changes = JSON.parse(event.data);
    document.dispatchEvent(new CustomEvent("penstock:change", { detail: changes }));
    refresh();
  });
  source.addEventListener("error", () => {
    if (!letGo || source !== own) return;
    if (!lostAt) lostAt = Date.now();
    badge("reconnecting");
    // A stream that is refused does not say why: the page asks.
    if (own.readyState === EventSource.CLOSED) fetchPage(shown ?? location.href);
    if (own.readyState === EventSource.CLOSED) setTimeout(() => letGo && source === own && connect(address), 2000);
  });
}

/** What a page without a stream learns of the server, whenever it asks. */
function reached(isThere) {
  if (letGo || document.hidden) return;
  if (!isThere) {
    lostAt ||= Date.now();
    badge("reconnecting");
    showAge();
  } else if (lostAt) {
    lostAt = 0;
    badge("polling");
  }
}

/** Anything may have changed. */
function lookAgain() {
  document.dispatchEvent(new CustomEvent("penstock:change", { detail: null }));
  refresh();
}

function badge(state, suffix = "") {
  const element = document.getElementById("live-badge");
  if (!element || (state !== "live" && state !== "out" && document.getElementById("signed-out"))) return;
  const word = element.dataset[`${state}Text`] + suffix;
  if (element.dataset.state === state && element.textContent.trim() === word) return;
  element.dataset.state = state;
  element.firstElementChild.textContent = word;
}

function showAge() {
  if (lostAt && Date.now() - lostAt > STALE_AFTER) badge("stale", ` ${clock(lostAt).slice(11)}`);
}

/** Whether nobody looks, something is pressed, or a form is on its way, which may delete what the page shows: what is new comes later then. */
function isNotNow() {
  const isBusy = isHeld || document.querySelector("form[aria-busy]") !== null;
  isMissed = document.hidden || isBusy;
  if (isBusy) setTimeout(refresh, PATCH_PAUSE);
  return isMissed;
}

/** Fetch this page again and patch what is live, at most about once a second. */
export const refresh = throttle(async () => {
  if (isNotNow()) return;
  const regions = [...document.querySelectorAll("[data-live][id]")];
  if (!regions.length && letGo) return; // without a stream the page still asks whether the server is there
  const fresh = await fetchPage(shown ?? location.href);
  if (!fresh || isNotNow()) return;
  for (const old of regions) {
    const replacement = fresh.getElementById(old.id);
    if (!replacement || !old.isConnected) continue;
    if (keepers.has(old.id)) await keepers.get(old.id)(replacement);
    else if (old.hasAttribute("data-hold-order") && old.matches(":hover")) hold(old, replacement);
    else patch(old, replacement);
  }
  document.dispatchEvent(new CustomEvent("penstock:patched"));
}, PATCH_PAUSE);

/** A page of this server as a document, its columns in the reader's order; null when it does not come. */
export async function fetchPage(address) {
  const answer = await fetch(address, { headers: { "x-live": "1" }, credentials: "same-origin" }).catch(() => null);
  reached(answer !== null && answer.status < 500);
  if (answer && isStranger(answer)) return null;
  if (!answer?.ok || !(answer.headers.get("content-type") ?? "").startsWith("text/html")) return null;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.dispatchEvent(new CustomEvent("penstock:fetched", { detail: fresh })); // for what the browser alone knows
  return fresh;
}

/** Let `bring(replacement)` bring a region up to date, whose page has the address `first` whatever the address bar says; null gives it back. */
export function keepRegion(id, bring, first = null) {
  if (bring) keepers.set(id, bring);
  else keepers.delete(id);
  shown = first;
}

/** Bring rows that are shown up to date. */
export function patchRows(rows) {
  for (const row of rows) {
    const old = document.getElementById(row.id);
    if (old) patch(old, row);
  }
}

/** While the pointer is inside a list its rows keep their places: known rows are brought up to date, new ones wait behind a button. */
function hold(old, replacement) {
  const rows = [...replacement.querySelectorAll("tbody tr[id]")];
  const waiting = rows.filter((row) => !document.getElementById(row.id));
  patchRows(rows);
  const apply = () => {
    old.onpointerleave = null;
    patch(old, replacement);
    document.dispatchEvent(new CustomEvent("penstock:patched"));
  };
  const shown = [...old.querySelectorAll("tbody tr[id]")];
  const [now, then] = [[shown, replacement], [rows, old]].map(([ours, theirs]) => ours.map((row) => row.id).filter((id) => theirs.querySelector(`#${CSS.escape(id)}`)));
  const isOther = now.some((id, at) => id !== then[at]);
  offerNew(old, waiting.length && waiting.length === rows.length && replacement.querySelector("[rel=next]") ? `${waiting.length}+` : waiting.length, apply, isOther);
  old.onpointerleave = null;
  if (waiting.length || isOther || shown.length !== rows.length) old.onpointerleave = () => {
    old.querySelector("[data-new-rows]")?.remove();
    apply();
  };
}

/** Put a button over a list that says how many rows are new, else that the order is another one (`isOther`), and shows it; none for neither. */
export function offerNew(region, count, apply, isOther = false) {
  let pill = region.querySelector("[data-new-rows]");
  if (!count && !isOther) {
    pill?.remove();
    return;
  }
  if (!pill) {
    pill = make("button", { type: "button", class: "button small new-rows", "data-new-rows": true, "data-keep": true });
    region.prepend(pill);
  }
  pill.textContent = count ? text(`new ${region.dataset.newNoun ?? "row"}${count === 1 ? "" : "s"}`, { count }) : text("order changed");
  pill.onclick = () => {
    pill.remove();
    apply();
  };
}

const FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden], [disabled]), select:not([disabled]), textarea:not([disabled]), summary, [tabindex='0']";

/** What has the focus in `place`, with all that holds it there; empty while the focus is elsewhere. */
function focusedIn(place) {
  const chain = [];
  for (let element = document.activeElement; element && place.contains(element); element = element.parentElement) chain.push(element);
  return chain;
}

/** Whoever was at something that is gone goes on beside it, not at the top of the page. */
function keepFocus([focused, ...holders]) {
  if (!focused || document.activeElement === focused) return;
  const rest = focused.isConnected ? focused : holders.find((holder) => holder.isConnected);
  if (!rest) return;
  const next = [rest, ...rest.querySelectorAll(FOCUSABLE)].find((element) => element.matches(FOCUSABLE) && element.checkVisibility());
  if (!next) rest.tabIndex = -1;
  (next ?? rest).focus({ preventScroll: true });
}

/** Make `old` equal to `replacement` without touching what the reader holds open, has picked or is typing. */
export function patch(old, replacement) {
  const chain = focusedIn(old);
  const scroll = [...old.querySelectorAll("*")].filter((element) => element.scrollTop || element.scrollLeft)
    .map((element) => [element, element.scrollTop, element.scrollLeft]);
  window.Idiomorph.morph(old, replacement, {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed(before, after) {
        if (!(before instanceof Element) || !(after instanceof Element)) return true;
        if (before.matches("iframe") && before.getAttribute("src") === after.getAttribute("src")) return false;
        if (before.classList.contains("is-cursor")) after.classList.add("is-cursor");
        if (before instanceof HTMLDetailsElement) after.open = before.open;
        if (before.matches("input[type=checkbox]") && before.name === "id") return false;
        if (before.matches("[data-bulk-bar], [data-keep]")) return false;
        return true;
      },
      beforeNodeRemoved: (node) => !(node instanceof Element && node.matches("[data-added]")), // what a script put there for good
    },
  });
  for (const [element, top, left] of scroll) {
    element.scrollTop = top;
    element.scrollLeft = left;
  }
  keepFocus(chain);
}
