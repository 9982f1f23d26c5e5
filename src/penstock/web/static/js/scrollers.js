// Boxes that scroll can be scrolled by keyboard: one that holds nothing that takes the focus takes it itself, with the name of its heading.

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

function reach(box) {
  const isCut = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
  if (!isCut || box.querySelector(FOCUSABLE)) return;
  box.tabIndex = 0;
  if (box.matches("pre") || box.hasAttribute("aria-label")) return;
  box.setAttribute("role", "group"); // no landmark: there may be many
  const heading = box.closest("section, .card")?.querySelector("h2, h3")?.textContent.trim();
  if (heading) box.setAttribute("aria-label", heading);
}

const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));
const look = () => document.querySelectorAll(":is(.table-box, pre, .visual > .body):not([tabindex])").forEach((box) => watch.observe(box));
look();
document.addEventListener("penstock:patched", look);
document.addEventListener("htmx:afterSwap", look);
