// Requests for data of the drawings: never more than a few in flight, newest wishes of the eye first, given up when nobody looks any more.

import { ask } from "./waiting.js";

const FLIGHTS = 6;

const waiting = [];
let flying = 0;

/** Fetch JSON. With a `signal` the wish may be taken back, before or during the flight. */
export function fetchJson(address, { signal } = {}) {
  return new Promise((done, fail) => {
    const wish = { address, done, fail, signal };
    signal?.addEventListener("abort", () => {
      const at = waiting.indexOf(wish);
      if (at >= 0) waiting.splice(at, 1);
      fail(signal.reason);
    }, { once: true });
    waiting.push(wish);
    launch();
  });
}

function launch() {
  while (flying < FLIGHTS && waiting.length) {
    const { address, done, fail, signal } = waiting.shift();
    flying += 1;
    ask(address, { headers: { accept: "application/json" }, signal })
      .then((answer) => answer.json())
      .then(done, fail)
      .finally(() => {
        flying -= 1;
        launch();
      });
  }
}

/** Send JSON to an address that changes something; the answer's body. */
export async function postJson(address, body) {
  const answer = await ask(address, { method: "POST", headers: { accept: "application/json", "content-type": "application/json" }, body: JSON.stringify(body) });
  return answer.json();
}
