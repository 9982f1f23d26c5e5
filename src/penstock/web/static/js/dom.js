// Small helpers shared by the modules: element making, texts, durations, cookies. No state.

const messages = JSON.parse(document.getElementById("messages")?.textContent || "{}");

/** Text of a message in the reader's language; `{names}` are replaced by `values`. */
export function text(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Make an element: `make("a", {class: "x", href: "/"}, "text", child)`. Strings become text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

const WHOLE = 14;
const TAIL = 7;

/** A text for a place that may be too narrow for it: what is cut then is its middle, since names often differ at their end.
 * What holds it names itself, since these are two pieces for screen readers. */
export function cutInTheMiddle(whole) {
  const letters = [...whole];
  if (letters.length <= WHOLE) return [whole];
  return [make("span", { class: "cut-head" }, letters.slice(0, -TAIL).join("")), make("span", { class: "cut-tail" }, letters.slice(-TAIL).join(""))];
}

/** Make an SVG element. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Address of the symbols, as the page's own icons have it. */
export function sprite() {
  return document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] ?? "";
}

/** Use a symbol of the sprite at `address`. */
export function icon(address, name, classes = "") {
  return makeSvg("svg", { class: `icon ${classes}`, "aria-hidden": "true" }, makeSvg("use", { href: `${address}#${name}` }));
}

/** Seconds as people say them; the same form as the server's. */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 0.0005) return "< 1 ms";
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  const two = (n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** Time since a moment in one unit; the same form as the server's. */
export function ago(moment, now) {
  const seconds = now - moment;
  const size = Math.abs(seconds);
  if (size < 5) return text("just now");
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [86400 * 60, 86400, "d"], [Infinity, 2592000, "mo"]];
  const [, unit, word] = steps.find(([limit]) => size < limit);
  return text(seconds > 0 ? `{count} ${word} ago` : `in {count} ${word}`, { count: Math.floor(size / unit) });
}

/** Keep a reader's choice for a year; the server reads it on the next page. */
export function remember(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`;
}

/** Say for some seconds what did not work. */
export function notify(message) {
  const notice = make("div", { class: "notice is-error", role: "alert" }, message);
  document.body.append(notice);
  setTimeout(() => notice.remove(), 5000);
}

const LONGEST_WORK = 30000;

/**
 * Run `work` at most once per `pause` milliseconds, the last call always. Work that returns a promise is waited for, and then twice the time it
 * took, so that pages of a slow server do not heap up questions.
 */
export function throttle(work, pause) {
  let isResting = false;
  let again = false;
  const rest = (milliseconds) => setTimeout(() => {
    isResting = false;
    if (again) {
      again = false;
      fire();
    }
  }, milliseconds);
  const fire = () => {
    if (isResting) {
      again = true;
      return;
    }
    isResting = true;
    const began = performance.now();
    let done = null;
    try {
      done = work();
    } finally {
      if (done instanceof Promise) {
        const late = new Promise((resolve) => setTimeout(resolve, LONGEST_WORK));
        Promise.race([done, late]).catch(reportError).then(() => {
          const taken = performance.now() - began;
          rest(Math.max(pause - taken, 2 * taken));
        });
      } else rest(pause);
    }
  };
  return fire;
}

/** Whether the keyboard belongs to a field right now. The field of a dialog that was just closed has the focus until the page is drawn again. */
export function isTyping(event) {
  const target = event.target;
  if (target.closest?.("dialog:not([open])")) return false;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    !/^(checkbox|radio|button)$/.test(target.type ?? "");
}
