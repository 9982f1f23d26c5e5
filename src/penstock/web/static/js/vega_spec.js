// Custom charts as texts: what of them is a document, and where the mistake is when it is none.

/** A mistake in a specification: `key` is a message of the chart pages, `values` go into it. */
export class SpecError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.name = "SpecError"; // those of modules that come later are of a class of their own
    this.key = key;
    this.values = values;
  }
}

/** The document in a text. Throws a SpecError that names line and column. */
export function readSpec(text) {
  try {
    const spec = JSON.parse(text);
    if (spec && typeof spec === "object" && !Array.isArray(spec)) return spec;
  } catch (error) {
    const before = text.slice(0, mistakeIn(text)).split("\n");
    throw new SpecError("vega not json", { line: before.length, column: before.at(-1).length + 1, why: document.documentElement.lang === "en" ? error.message : "" });
  }
  throw new SpecError("vega no object");
}

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/y;

/** Where a text stops being JSON: browsers do not always say. */
function mistakeIn(text) {
  const open = [];
  let wanted = "value";
  TOKEN.lastIndex = 0;
  for (;;) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    const at = start + /^\s*/.exec(text.slice(start))[0].length;
    if (!match) return at;
    const [, sign, string] = match;
    const isEnd = sign === "}" || sign === "]";
    if (isEnd ? open.at(-1) !== (sign === "}" ? "{" : "[") || !["more", "name or end", "value or end"].includes(wanted) : false) return at;
    if (isEnd) {
      open.pop();
      wanted = "more";
    } else if (sign === ",") {
      if (wanted !== "more" || !open.length) return at;
      wanted = open.at(-1) === "{" ? "name" : "value";
    } else if (sign === ":") {
      if (wanted !== "colon") return at;
      wanted = "value";
    } else if (wanted.startsWith("name")) {
      if (!string) return at;
      wanted = "colon";
    } else if (!wanted.startsWith("value")) return at;
    else if (sign) {
      open.push(sign);
      wanted = sign === "{" ? "name or end" : "value or end";
    } else wanted = "more";
  }
}
