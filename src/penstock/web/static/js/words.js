// Texts and numbers as the chart pages show them.

const messages = JSON.parse(document.getElementById("chart-messages")?.textContent ?? "{}");

/** Text of a message of the chart pages; `{names}` are replaced. */
export function say(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A number as people read it: significant digits, powers only where they help. */
export function shortNumber(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(6)).toString();
}

/** What a group is called: the values that lead to it, those that runs have not in words (`pages/tracking/workspace.py`: `group_name`). */
export function groupTitle(name) {
  return name ? name.split(" · ").map((part) => (part === "–" ? say("no group") : part)).join(" · ") : say("no group");
}
