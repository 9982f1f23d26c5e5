// Boxes that stand alike, with the same boxes before and behind them, in a block of rows: side by side a hundred of them are a strip
// that nobody can read. Pure functions, as in `layout.js`; "across" is the way in which boxes of one layer follow each other.

/** So many boxes that stand alike, or chains of them, are still laid side by side. */
const MOST_BESIDE = 12;
const GAP = 26;
/** Room between the rows and around them, for the edges. */
const LANE = 24;
/** Width of a block for each unit of its height, about. */
const ASPECT = 1.6;

function neighbours(sizes, edges) {
  const found = new Map(sizes.map(({ id }) => [id, { before: new Set(), behind: new Set() }]));
  for (const { source, target } of edges) {
    if (!found.has(source) || !found.has(target)) continue;
    found.get(source).behind.add(target);
    found.get(target).before.add(source);
  }
  return found;
}

/** Boxes in chains: one that alone is behind another, which has nothing else behind it, follows it. */
function chainsOf(sizes, around) {
  const only = (ids) => (ids.size === 1 ? [...ids][0] : null);
  const follows = (id) => {
    const first = only(around.get(id).before);
    return first !== null && only(around.get(first).behind) === id ? first : null;
  };
  return sizes.filter(({ id }) => follows(id) === null).map(({ id }) => {
    const chain = [id];
    for (let next = only(around.get(id).behind); next !== null && follows(next) === chain.at(-1); next = only(around.get(next).behind)) chain.push(next);
    return chain;
  });
}

/** Groups of chains that stand alike and are more than fit side by side. */
function alike(sizes, edges) {
  const around = neighbours(sizes, edges);
  const groups = new Map();
  for (const chain of chainsOf(sizes, around)) {
    const key = JSON.stringify([chain.length, [...around.get(chain[0]).before].sort(), [...around.get(chain.at(-1)).behind].sort()]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(chain);
  }
  return [...groups.values()].filter((chains) => chains.length > MOST_BESIDE);
}

/** Where the boxes of a block stand in it: {width, height, places: id -> {x, y, width, height}, cells: id -> lanes beside it}. */
function blockOf(chains, sizeOf, isAcross, gap) {
  const [along, across] = isAcross ? ["width", "height"] : ["height", "width"];
  const sizes = chains.map((chain) => chain.map((id) => sizeOf.get(id)));
  const lengths = sizes.map((chain) => chain.reduce((sum, one) => sum + one[along], (chain.length - 1) * gap));
  const widths = sizes.map((chain) => Math.max(...chain.map((one) => one[across])));
  const mean = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const shape = (mean(lengths) + LANE) / (mean(widths) + GAP);
  const perRow = Math.max(2, Math.ceil(Math.sqrt(chains.length * shape * (isAcross ? 1 / ASPECT : ASPECT))));
  const columns = Array.from({ length: Math.min(perRow, chains.length) }, (_, column) => Math.max(...widths.filter((_, at) => at % perRow === column)));
  const places = new Map();
  const cells = new Map();
  let top = LANE;
  for (let first = 0; first < chains.length; first += perRow) {
    const row = chains.slice(first, first + perRow);
    const length = Math.max(...lengths.slice(first, first + perRow));
    let left = GAP;
    row.forEach((chain, column) => {
      let at = top;
      chain.forEach((id, place) => {
        const size = sizes[first + column][place];
        const [x, y] = [left + (columns[column] - size[across]) / 2, at];
        places.set(id, { x: isAcross ? y : x, y: isAcross ? x : y, width: size.width, height: size.height });
        cells.set(id, { before: left - GAP / 2, behind: left + columns[column] + GAP / 2, top, bottom: top + length, isFirst: !first, isLast: first + perRow >= chains.length });
        at += size[along] + gap;
      });
      left += columns[column] + GAP;
    });
    top += length + LANE;
  }
  const wide = columns.reduce((sum, one) => sum + one + GAP, GAP);
  return { width: isAcross ? top : wide, height: isAcross ? wide : top, places, cells };
}

/** Way of an edge within its block, from its border to a box (or from a box, `isOut`): along the lane beside the column of the box. */
function lane(block, id, isAcross, isOut) {
  const { x, y, width, height } = block.places.get(id);
  const cell = block.cells.get(id);
  const turn = (point) => (isAcross ? { x: point[1], y: point[0] } : { x: point[0], y: point[1] });
  const middle = isAcross ? y + height / 2 : x + width / 2;
  const end = isAcross ? x + (isOut ? width : 0) : y + (isOut ? height : 0);
  const whole = isAcross ? block.width : block.height;
  if (isOut) {
    if (cell.isLast) return [[middle, end]].map(turn);
    return [[middle, end], [middle, end + LANE / 2], [cell.behind, end + LANE / 2], [cell.behind, whole - LANE / 2]].map(turn);
  }
  if (cell.isFirst) return [[middle, end]].map(turn);
  return [[cell.before, LANE / 2], [cell.before, end - LANE / 2], [middle, end - LANE / 2], [middle, end]].map(turn);
}

/**
 * Place boxes by `arrange`, which sees each block as one box: {places, points, width, height}, as `arrange` answers; null without blocks.
 * `gap`: between the boxes of a chain.
 */
export function inBlocks(sizes, edges, { isAcross, gap }, arrange) {
  const groups = alike(sizes, edges);
  if (!groups.length) return null;
  const sizeOf = new Map(sizes.map((size) => [size.id, size]));
  const blocks = new Map(groups.map((chains, number) => [`block ${number}`, blockOf(chains, sizeOf, isAcross, gap)]));
  const home = new Map([...blocks].flatMap(([name, block]) => [...block.places.keys()].map((id) => [id, name])));
  const nameOf = (id) => home.get(id) ?? id;
  const links = new Map();
  for (const edge of edges) {
    const [source, target] = [nameOf(edge.source), nameOf(edge.target)];
    if (source !== target) links.set(`${source}\n${target}`, { source, target });
  }
  const boxes = [...sizes.filter(({ id }) => !home.has(id)), ...[...blocks].map(([id, { width, height }]) => ({ id, width, height }))];
  const found = arrange(boxes, [...links.values()]);
  const corner = (name) => {
    const { x, y, width, height } = found.places.get(name);
    return { x: x - width / 2, y: y - height / 2 };
  };
  const within = (name, point) => ({ x: corner(name).x + point.x, y: corner(name).y + point.y });
  const places = new Map(sizes.map(({ id }) => {
    if (!home.has(id)) return [id, found.places.get(id)];
    const { x, y, width, height } = blocks.get(home.get(id)).places.get(id);
    const { x: left, y: top } = within(home.get(id), { x, y });
    return [id, { x: left + width / 2, y: top + height / 2, width, height }];
  }));
  const ends = (id, isOut) => (home.has(id) ? lane(blocks.get(home.get(id)), id, isAcross, isOut).map((point) => within(home.get(id), point)) : []);
  const points = ({ source, target }) => {
    if (nameOf(source) !== nameOf(target)) {
      const between = found.points({ source: nameOf(source), target: nameOf(target) });
      return [...ends(source, true), ...between.slice(home.has(source) ? 1 : 0, home.has(target) ? -1 : undefined), ...ends(target, false)];
    }
    const [from, to] = [places.get(source), places.get(target)];
    return isAcross ? [{ x: from.x + from.width / 2, y: from.y }, { x: to.x - to.width / 2, y: to.y }] : [{ x: from.x, y: from.y + from.height / 2 }, { x: to.x, y: to.y - to.height / 2 }];
  };
  return { ...found, places, points };
}
