// The filters at the left: choices with how many samples each has, and histograms with a range.

import { FIGURES, ask, change, chosen, count, isFiltered, made, query, ranged, state, tell } from "./browse_state.js";

const TITLES = { live: "live or spoof", face_size: "face size", detection_score: "detection score",
  shipped_distance: "from shipped position" };
const OPEN = new Set(["dataset", "split", "live", "attack", "instrument"]);
const LONG = 8; // from so many choices on they can be searched
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 36;

let whole = null; // counts of the whole bundle
let bundle = null;
let counts = null; // of what is filtered
let waiting = null;
const parts = {}; // by name: what is to be updated

const title = (name) => TITLES[name] ?? name;
const natural = new Intl.Collator("en", { numeric: true }).compare;

export async function build(known) {
  bundle = known;
  whole = await ask("/api/query");
  const place = document.getElementById("filters");
  const text = made("input", { type: "search", id: "text", placeholder: "words in the video's path",
    value: state.text, "aria-label": "Words in the video's path", title: "/",
    on: { input: () => change({ text: text.value.trim(), at: 0 }, ["filters"]) } });
  parts.text = text;
  parts.clear = made("button", { type: "button", textContent: "Clear all filters",
    on: { click: () => change({ choices: {}, ranges: {}, text: "", at: 0 }, ["filters"], true) } });
  parts.done = made("button", { type: "button", className: "done",
    on: { click: () => document.getElementById("filters-toggle").click() } });
  parts.videos = made("div", { className: "chips" });
  place.append(made("div", { className: "first" }, text, parts.clear, parts.done), parts.videos);
  for (const name of Object.keys(whole.choices)) place.append(choicesOf(name));
  place.append(made("h2", { textContent: "Quality" }));
  for (const name of FIGURES) place.append(figureOf(name));
}

function choicesOf(name) {
  const rows = made("div", { className: "choices" });
  const find = made("input", { type: "search", className: "find", placeholder: "find in this list",
    "aria-label": `Find in ${title(name)}`, hidden: whole.choices[name].length <= LONG,
    on: { input: () => update() } });
  const note = made("p", { className: "note" });
  const box = made("details", { className: "facet", open: OPEN.has(name) || name in state.choices,
    on: { toggle: () => { if (counts) showChoices(name, counts); } } },
  made("summary", { textContent: title(name) }), find, rows, note);
  parts[name] = { box, rows, find, note };
  return box;
}

function showChoices(name, counts) {
  const { box, rows, find, note } = parts[name];
  if (!box.open) return;
  const wanted = find.value.trim().toLowerCase();
  const picked = state.choices[name] ?? new Set();
  const all = counts.choices[name].slice().sort((a, b) => natural(a[0], b[0]));
  const long = all.length > LONG;
  const shown = all.filter(([value, samples]) => picked.has(value)
    || (value.toLowerCase().includes(wanted) && (samples || !long)));
  const most = Math.max(1, ...shown.map(([, samples]) => samples));
  const at = rows.contains(document.activeElement) ? document.activeElement.parentElement.dataset.value : null;
  rows.replaceChildren(...shown.map(([value, samples]) => choice(name, value, samples, most, picked)));
  for (const value of picked) { // of another bundle, or past those that are listed
    if (!all.some(([listed]) => listed === value)) rows.append(choice(name, value, 0, most, picked));
  }
  if (at !== null) [...rows.children].find((row) => row.dataset.value === at)?.querySelector("input").focus();
  note.textContent = counts.more[name] ? `${count(counts.more[name])} more are not listed: filter by something else as well` : "";
}

function choice(name, value, samples, most, picked) {
  const box = made("input", { type: "checkbox", checked: picked.has(value),
    on: { change: () => chosen(name, value, box.checked) } });
  const bar = made("i");
  bar.style.width = `${(100 * samples) / most}%`;
  const label = made("label", { className: samples ? "choice" : "choice none", title: value },
    bar, box, made("span", { className: "value", textContent: value || "(none)" }),
    made("span", { className: "count", textContent: count(samples) }));
  label.dataset.name = name;
  label.dataset.value = value;
  return label;
}

function figureOf(name) {
  const about = bundle.figures[name];
  const unit = about.unit ? `, ${about.unit}` : "";
  const box = made("div", { className: "figure" });
  box.dataset.name = name;
  box.append(made("p", { className: "head", title: about.meaning },
    made("span", { textContent: title(name) + unit })));
  if (about.low !== null && about.least === about.most && !whole.without[name]) {
    box.append(made("p", { className: "note", textContent: `${short(about.least)} for all samples` }));
    return box;
  }
  if (about.low === null) {
    box.append(made("p", { className: "note", textContent: "no sample has it" }));
    return box;
  }
  const bars = document.createElementNS(SVG, "svg");
  bars.setAttribute("viewBox", `0 0 ${bundle.bins} ${HEIGHT}`);
  bars.setAttribute("preserveAspectRatio", "none");
  bars.setAttribute("class", "bars");
  const number = (place, limit) => made("input", { type: "number", step: "any",
    placeholder: short(limit), "aria-label": `${title(name)}, ${place}`,
    on: { change: () => ranged(name, `${low.value}..${high.value}`, true) } });
  const low = number("lowest", about.least);
  const high = number("highest", about.most);
  const without = made("button", { type: "button", className: "link",
    on: { click: () => ranged(name, state.ranges[name] === "none" ? "" : "none", true) } });
  parts[name] = { bars, low, high, without };
  brush(name, bars);
  box.append(bars, made("p", { className: "limits" }, low, made("span", { textContent: "to" }), high), without);
  return box;
}

const short = (number) => String(Number(number.toPrecision(3)));

// The value at the lower end of bar `bin`.
function edge(name, bin) {
  const { low, high } = bundle.figures[name];
  return low + (bin * ((high - low) || bundle.bins)) / bundle.bins;
}

// Drag over the bars: a range; a click on one: that one; the outer bars are open outwards.
function brush(name, bars) {
  let from = null;
  const bin = (event) => {
    const box = bars.getBoundingClientRect();
    const place = Math.floor(((event.clientX - box.left) / box.width) * bundle.bins);
    return Math.min(bundle.bins - 1, Math.max(0, place));
  };
  const range = (event) => {
    const [first, last] = [from, bin(event)].sort((a, b) => a - b);
    const low = first === 0 ? "" : short(edge(name, first));
    const high = last === bundle.bins - 1 ? "" : short(edge(name, last + 1));
    return `${low}..${high}`;
  };
  bars.addEventListener("pointerdown", (event) => {
    from = bin(event);
    bars.setPointerCapture(event.pointerId);
    ranged(name, range(event), true);
  });
  bars.addEventListener("pointermove", (event) => {
    if (from !== null) ranged(name, range(event));
  });
  for (const end of ["pointerup", "pointercancel"]) bars.addEventListener(end, () => { from = null; });
}

function showFigure(name, counts) {
  if (!parts[name]) return;
  const { bars, low, high, without } = parts[name];
  const text = state.ranges[name] ?? "";
  const [least, most] = text === "none" ? ["", ""] : text.split("..");
  if (document.activeElement !== low) low.value = least ?? "";
  if (document.activeElement !== high) high.value = most ?? "";
  const of = counts.histograms[name];
  bars.replaceChildren(...rects(whole.histograms[name], "all", Math.max(1, ...whole.histograms[name])),
    ...rects(of, "now", Math.max(1, ...of)), ...range(name, least, most, text));
  const missing = whole.without[name];
  without.hidden = !missing;
  without.textContent = `${count(counts.without[name])} have none${text === "none" ? ": only those; show all" : ""}`;
}

// Roots of the counts, so that a few far samples can be seen beside many.
function rects(heights, kind, most) {
  return heights.map((samples, bin) => {
    const rect = document.createElementNS(SVG, "rect");
    const tall = samples ? Math.max(1.5, HEIGHT * Math.sqrt(samples / most)) : 0;
    const box = { x: bin + 0.06, y: HEIGHT - tall, width: 0.88, height: tall, class: kind };
    for (const [key, value] of Object.entries(box)) rect.setAttribute(key, value);
    return rect;
  });
}

function range(name, least, most, text) {
  if (!text || text === "none") return [];
  const width = edge(name, 1) - edge(name, 0);
  const place = (value, open) => (value === "" || value === undefined ? open
    : Math.min(bundle.bins, Math.max(0, (Number(value) - bundle.figures[name].low) / width)));
  const [from, to] = [place(least, 0), place(most, bundle.bins)];
  const rect = document.createElementNS(SVG, "rect");
  const box = { x: from, y: 0, width: Math.max(0.3, to - from), height: HEIGHT, class: "range" };
  for (const [key, value] of Object.entries(box)) rect.setAttribute(key, value);
  return [rect];
}

// Ask how many samples there are of each kind by now; gives the counts.
export async function refresh() {
  waiting?.abort();
  waiting = new AbortController();
  try {
    counts = await ask(`/api/query?${query()}`, waiting.signal);
    tell("");
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message);
    return null;
  }
  update();
  return counts;
}

function update() {
  if (document.activeElement !== parts.text) parts.text.value = state.text;
  parts.clear.disabled = !isFiltered();
  parts.done.textContent = `Show ${count(counts.samples)} samples`;
  parts.videos.replaceChildren(...[...(state.choices.video ?? [])].map((video) => made("button", {
    type: "button", className: "chip", title: "Take this filter away", textContent: `video ${video} ×`,
    on: { click: () => chosen("video", video, false) } })));
  for (const name of Object.keys(counts.choices)) showChoices(name, counts);
  for (const name of FIGURES) showFigure(name, counts);
}
