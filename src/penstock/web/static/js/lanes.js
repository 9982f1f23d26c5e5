// Lanes of drawings of system metrics: one for each device, or process of a run that several write. Pure.

/** What tells a key apart from the other lanes of one drawing: label of the process, number of the device. */
const laneParts = (key) => [/\/l:([^/]*)$/.exec(key)?.[1], /\.(\d+)\./.exec(key)?.[1]].filter((part) => part !== undefined);

/** Name of a lane. */
export function lane(key) {
  return laneParts(key).join(" · ") || key;
}

/** Whether the reader wants a lane: `text` has labels, numbers and ranges of numbers with commas; empty for all. */
export function isLaneWanted(key, text) {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const parts = laneParts(key);
  return !words.length || !parts.length || words.some((word) => {
    const range = /^(\d+)-(\d+)$/.exec(word);
    return parts.some((part) => part === word || (range && /^\d+$/.test(part) && Number(part) >= Number(range[1]) && Number(part) <= Number(range[2])));
  });
}
