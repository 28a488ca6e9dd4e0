// The samples in rows. Only what is on the screen is in the page, and only that is asked for.

import { address, ask, change, made, note, query, state, tell } from "./browse_state.js";

const PARTS = { crop: ["crop"], depth: ["depth"], parsing: ["parsing"], side: ["crop", "depth", "parsing"],
  overlay: ["crop"] };
const TALLEST = 6e6; // browsers draw no element that is much taller; from there on scrolling is scaled
const GAP = 10;
const CAPTION = 40;
const BLOCK = 100; // samples that are asked for at once
const BLOCKS_KEPT = 60;
const SETTLED = 120; // milliseconds without a jump, after which what is then on the screen is asked for

const scroller = document.getElementById("scroller");
const canvas = document.getElementById("canvas");
const tiles = new Map(); // place in the order -> element
const blocks = new Map(); // number of a block -> its samples, or null while they are asked for
const asked = new Map(); // number of a block -> AbortController
const layout = { total: 0, columns: 1, side: 128, row: 100, width: 100, full: 0, scaled: false };
let top_ = 0; // how far down the view is, in pixels of a list that is not scaled
let physical = 0; // scrollTop that belongs to it
let settle = 0;
let noting = 0;

// Show another selection, or the same in another way; the sample at `at` stays on top.
export function show(total, fresh) {
  layout.total = total;
  if (fresh) {
    for (const controller of asked.values()) controller.abort();
    blocks.clear();
    asked.clear();
  }
  document.getElementById("nothing").hidden = total > 0;
  const at = fresh ? state.at : onTop();
  clear();
  arrange();
  moveTo(Math.floor(at / layout.columns) * layout.row);
}

// The place of the first sample that is wholly on the screen.
const onTop = () => Math.max(0, Math.ceil((top_ - GAP) / layout.row) * layout.columns);

export function goto(at) {
  moveTo(Math.floor(Math.min(at, layout.total - 1) / layout.columns) * layout.row);
}

function arrange() {
  const room = scroller.clientWidth - 2 * GAP;
  const parts = PARTS[state.view].length;
  layout.side = Math.max(40, Math.min(state.size, Math.floor(room / parts)));
  const width = () => layout.side * parts + (parts - 1) * 2;
  layout.columns = Math.max(1, Math.floor((room + GAP) / (width() + GAP)));
  // Rows are filled to the edge, by pictures that are somewhat larger than was asked for.
  const share = (room + GAP) / layout.columns - GAP;
  layout.side = Math.floor((share - (parts - 1) * 2) / parts);
  layout.width = width();
  layout.row = layout.side + CAPTION + GAP;
  layout.full = Math.ceil(layout.total / layout.columns) * layout.row + GAP;
  layout.scaled = layout.full > TALLEST;
  canvas.style.height = `${Math.min(layout.full, TALLEST)}px`;
  canvas.style.setProperty("--side", `${layout.side}px`);
  strengths();
}

// How strong the labels lie over the crop.
export function strengths() {
  canvas.style.setProperty("--parsing", state.parsing);
  canvas.style.setProperty("--depth", state.depth);
  canvas.className = state.view;
}

const farthest = () => Math.max(0, layout.full - scroller.clientHeight);
const farthestPhysical = () => Math.max(1, Math.min(layout.full, TALLEST) - scroller.clientHeight);

function moveTo(wanted) {
  top_ = Math.min(Math.max(0, wanted), farthest());
  physical = layout.scaled ? Math.round((top_ / farthest()) * farthestPhysical()) : top_;
  scroller.scrollTop = physical;
  physical = scroller.scrollTop;
  draw(true);
}

// Where scrolling is scaled, small steps are taken as they are and large ones in proportion: a turn
// of the wheel moves by some rows, and the bar reaches every place.
function scrolled() {
  const now = scroller.scrollTop;
  const step = now - physical;
  if (!step) return;
  physical = now;
  const small = Math.abs(step) < scroller.clientHeight;
  if (!layout.scaled) top_ = now;
  else if (now <= 0 || now >= farthestPhysical()) top_ = now <= 0 ? 0 : farthest();
  else if (small) top_ = Math.min(Math.max(0, top_ + step), farthest());
  else top_ = (now / farthestPhysical()) * farthest();
  draw(small);
}

function draw(still) {
  const { columns, row, total } = layout;
  const first = Math.max(0, Math.floor(top_ / row) - 1) * columns;
  const last = Math.min(total, (Math.ceil((top_ + scroller.clientHeight) / row) + 1) * columns);
  for (const [at, tile] of tiles) if (at < first || at >= last) remove(at, tile);
  const shift = physical - top_;
  for (let at = first; at < last; at += 1) {
    const tile = tiles.get(at) ?? add(at);
    const x = GAP + (at % columns) * (layout.width + GAP);
    const y = GAP + Math.floor(at / columns) * row + shift;
    tile.style.transform = `translate(${x}px, ${y}px)`;
  }
  clearTimeout(settle);
  if (still) fill(first, last);
  else settle = setTimeout(fill, SETTLED, first, last);
  clearTimeout(noting);
  noting = setTimeout(() => note({ at: onTop() }), 400);
}

function add(at) {
  const tile = made("a", { className: "tile" });
  tile.style.width = `${layout.width}px`;
  tile.dataset.at = at;
  tiles.set(at, tile);
  // In the order of the samples, so that the Tab key goes through them as they lie.
  const after = [...canvas.children].find((one) => Number(one.dataset.at) > at);
  canvas.insertBefore(tile, after ?? null);
  return tile;
}

function remove(at, tile) {
  for (const picture of tile.querySelectorAll("img")) picture.removeAttribute("src"); // cancels it
  tile.remove();
  tiles.delete(at);
}

function clear() {
  for (const [at, tile] of [...tiles]) remove(at, tile);
}

// Ask for what is known of the samples from `first` to before `last`, and show their pictures.
function fill(first, last) {
  const wanted = new Set();
  for (let block = Math.floor(first / BLOCK); block * BLOCK < last; block += 1) wanted.add(block);
  for (const [block, controller] of asked) if (!wanted.has(block)) controller.abort();
  for (const block of wanted) if (!blocks.has(block)) request(block);
  for (const [at, tile] of tiles) {
    const known = blocks.get(Math.floor(at / BLOCK))?.[at % BLOCK];
    if (known && !tile.dataset.number) picture(tile, known, at);
  }
  for (const block of blocks.keys()) {
    if (blocks.size <= BLOCKS_KEPT) break;
    if (!wanted.has(block)) blocks.delete(block);
  }
}

async function request(block) {
  const controller = new AbortController();
  blocks.set(block, null);
  asked.set(block, controller);
  try {
    const said = await ask(`/api/samples?${query({ start: block * BLOCK, count: BLOCK })}`, controller.signal);
    if (asked.get(block) !== controller) return; // of a selection that is no more
    blocks.set(block, said.samples);
  } catch (error) {
    if (asked.get(block) === controller) blocks.delete(block);
    if (error.name !== "AbortError") tell(error.message);
  } finally {
    if (asked.get(block) === controller) asked.delete(block);
  }
  for (const [at, tile] of tiles) {
    const known = blocks.get(block)?.[at - block * BLOCK];
    if (known && !tile.dataset.number) picture(tile, known, at);
  }
}

function picture(tile, known, at) {
  tile.dataset.number = known.number;
  tile.href = address({ sample: known.number, at: state.at });
  tile.title = `${known.video}, frame ${known.frame}`;
  const stacks = PARTS[state.view].map((part) => stack(known.number, part));
  const kind = known.live === "live" ? "live" : known.attack || "spoof";
  const extra = known.instrument && layout.width > 220 ? ` ${known.instrument}` : "";
  const figure = known.figure === undefined ? "" : String(known.figure ?? "none");
  tile.replaceChildren(
    made("span", { className: "pictures" }, ...stacks),
    made("span", { className: "line" },
      made("b", { className: known.live, textContent: kind + extra }),
      made("span", { textContent: `${known.dataset} ${known.split}` }),
      figure ? made("em", { textContent: figure }) : null),
    made("span", { className: "line dim" },
      made("span", { className: "path" }, made("bdi", { textContent: known.video })),
      made("span", { className: "at", textContent: layout.width > 170 ? `frame ${known.frame}` : `#${known.frame}` })));
  tile.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    change({ sample: known.number }, ["sample"], true);
  };
}

// Pictures that lie over each other: in the overlay, labels over the crop.
export function stack(number, part, more = "", overlaid = state.view === "overlay") {
  const layers = part === "crop" && overlaid ? ["crop", "parsing", "depth"] : [part];
  const box = made("span", { className: `stack ${part}` });
  for (const layer of layers) {
    const query_ = layer === "parsing" ? classes() : layer === "crop" ? more : "";
    const image = made("img", { className: layer, alt: layer, decoding: "async", draggable: false });
    image.onerror = () => explain(box, image);
    image.src = `/picture/${number}/${layer}${query_}`;
    box.append(image);
  }
  return box;
}

function classes() {
  if (!state.hidden) return "";
  const hidden = new Set(state.hidden.split(",").map(Number));
  return `?classes=${[...Array(13).keys()].filter((one) => one && !hidden.has(one)).join(",")}`;
}

// A picture that cannot be had says why in its place; the rest goes on.
async function explain(box, image) {
  const source = image.getAttribute("src");
  if (!source || box.querySelector(".why")) return;
  try {
    await ask(source);
  } catch (error) {
    if (error instanceof SyntaxError) return; // it was had in the second attempt, and is no JSON
    image.remove();
    const said = [...(box.parentElement?.querySelectorAll(".why") ?? [])].map((one) => one.textContent);
    if (said.includes(error.message)) return; // once is enough for one sample
    box.append(made("span", { className: "why", textContent: error.message, title: error.message }));
  }
}

scroller.addEventListener("scroll", () => requestAnimationFrame(scrolled), { passive: true });
new ResizeObserver(() => {
  if (!layout.total || !scroller.clientWidth) return; // nothing to show, or behind another tab
  const { columns, row } = layout;
  const at = onTop();
  arrange();
  if (columns === layout.columns && row === layout.row) return moveTo(top_);
  clear();
  moveTo(Math.floor(at / layout.columns) * layout.row);
  return undefined;
}).observe(scroller);
