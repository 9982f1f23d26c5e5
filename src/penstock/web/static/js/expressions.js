// Expressions over logged keys, as panels take them: `${train/loss} / ${val/loss}`, `log(${grad norm}) * 2`. A small grammar with its own
// reader: text of a panel is data and never becomes program.

const FUNCTIONS = { abs: Math.abs, sqrt: Math.sqrt, log: Math.log, log2: Math.log2, log10: Math.log10, exp: Math.exp, sin: Math.sin, cos: Math.cos, tan: Math.tan, floor: Math.floor, ceil: Math.ceil, round: Math.round, min: Math.min, max: Math.max, pow: Math.pow };
const CONSTANTS = { pi: Math.PI, e: Math.E };
const TOKEN = /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|\$\{([^}]+)\}|([A-Za-z_][\w./]*\w|[A-Za-z_])|(\*\*|[-+*/%^(),]))/iy;

/** Read an expression: the keys it names and `evaluate(values)`, values in the order of the keys. Throws an Error that says where it stops. */
export function expression(text) {
  const tokens = tokensOf(text);
  const keys = [];
  let at = 0;
  const peek = () => tokens[at]?.sign;
  const take = (sign) => {
    if (peek() !== sign) throw new Error(`expected ${sign} ${tokens[at] ? `before ${tokens[at].text}` : "at the end"}`);
    at += 1;
  };
  const key = (name) => {
    if (!keys.includes(name)) keys.push(name);
    const place = keys.indexOf(name);
    return (values) => values[place];
  };
  const atom = () => {
    const token = tokens[at];
    if (!token) throw new Error("the expression ends too early");
    at += 1;
    if (token.number !== undefined) return () => token.number;
    if (token.key !== undefined) return key(token.key);
    if (token.sign === "(") {
      const inner = sum();
      take(")");
      return inner;
    }
    if (token.sign === "-") {
      const inner = power();
      return (values) => -inner(values);
    }
    if (token.word === undefined) throw new Error(`${token.text} stands where a value should`);
    if (peek() === "(" && Object.hasOwn(FUNCTIONS, token.word)) return call(FUNCTIONS[token.word]);
    return Object.hasOwn(CONSTANTS, token.word) ? () => CONSTANTS[token.word] : key(token.word);
  };
  const call = (work) => {
    take("(");
    const given = [sum()];
    while (peek() === ",") {
      at += 1;
      given.push(sum());
    }
    take(")");
    return (values) => work(...given.map((one) => one(values)));
  };
  const power = () => {
    const base = atom();
    if (peek() !== "^" && peek() !== "**") return base;
    at += 1;
    const exponent = power();
    return (values) => base(values) ** exponent(values);
  };
  const chain = (next, works) => () => {
    let left = next();
    while (Object.hasOwn(works, peek() ?? "")) {
      const work = works[peek()];
      const before = left;
      at += 1;
      const right = next();
      left = (values) => work(before(values), right(values));
    }
    return left;
  };
  const product = chain(power, { "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b });
  const sum = chain(product, { "+": (a, b) => a + b, "-": (a, b) => a - b });
  const evaluate = sum();
  if (at < tokens.length) throw new Error(`${tokens[at].text} is left over`);
  return { keys, evaluate };
}

function tokensOf(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`cannot read ${text.slice(from, from + 12)}`);
    const [whole, number, key, word, sign] = match;
    tokens.push({ text: whole.trim(), number: number === undefined ? undefined : Number(number), key, word, sign });
  }
  return tokens;
}
