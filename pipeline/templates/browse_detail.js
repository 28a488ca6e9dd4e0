// One sample: its pictures, all its fields, and the frame of the video that it was cut from.

import { address, ask, change, count, made, query, state, writes } from "./browse_state.js";
import { stack } from "./browse_grid.js";

const SVG = "http://www.w3.org/2000/svg";
const WAIT = 150; // milliseconds before a video is opened: who leafs through asks for none
const place = document.getElementById("detail");
const marks = { outline: true, landmarks: true };
let bundle = null;
let known = null; // of the sample that is shown
let waiting = null;
let leftFrom = null; // what had the focus before

export function setup(all) {
  bundle = all;
  addEventListener("keydown", pressed);
}

export async function show() {
  waiting?.abort();
  if (state.sample === null) return hide();
  waiting = new AbortController();
  const { signal } = waiting;
  const number = state.sample;
  if (place.hidden) leftFrom = document.activeElement;
  place.hidden = false;
  document.body.classList.add("showing");
  try {
    known = await ask(`/api/sample/${number}?${query()}`, signal);
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    known = null;
    place.replaceChildren(head(`sample ${number}`), made("p", { className: "why", textContent: error.message }));
    place.focus();
    return undefined;
  }
  const frame = made("section", { className: "origin" }, made("p", { className: "note", textContent: "opening the video …" }));
  place.replaceChildren(head(title()), ofVideo(),
    made("div", { className: "columns" }, frame, made("section", { className: "labels" }, labels(), wrong(), present())),
    fields());
  if (!place.contains(document.activeElement)) place.focus();
  setTimeout(() => { if (!signal.aborted) origin(number, frame, signal); }, WAIT);
  return undefined;
}

function hide() {
  if (place.hidden) return;
  place.hidden = true;
  document.body.classList.remove("showing");
  place.replaceChildren();
  leftFrom?.focus?.();
}

const value = (name) => known.fields.find((field) => field.name === name)?.value;

function title() {
  const kind = value("live") ? "live" : ["spoof", value("attack"), value("instrument")].filter(Boolean).join(", ");
  return `${known.dataset} ${known.split}: ${value("video")}, frame ${value("frame")} (${kind})`;
}

function to(number) {
  if (number !== null && number !== undefined) change({ sample: number }, ["sample"]);
}

function head(text) {
  const button = (label, number, key) => made("button", { type: "button", textContent: label, title: key,
    disabled: number === null || number === undefined, on: { click: () => to(number) } });
  const where = known === null ? "" : known.position === null ? "not among those that are filtered"
    : `${count(known.position + 1)} of ${count(known.total)}`;
  return made("div", { className: "head" },
    button("‹ previous", known?.before, "left arrow"),
    button("next ›", known?.after, "right arrow"),
    made("span", { className: "note", textContent: where }),
    made("h2", { id: "detail-title", textContent: text }),
    made("button", { type: "button", className: "close", textContent: "Close", title: "Escape",
      on: { click: () => change({ sample: null }, ["sample"], true) } }));
}

// The samples of the same video, by frame.
function ofVideo() {
  const { samples, total, first, at } = known.of_video;
  const shown = samples.map(([number, frame], index) => made("a", {
    href: address({ sample: number }), className: first + index === at ? "here" : "",
    title: `frame ${frame}`, on: { click: (event) => {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      to(number);
    } } }, stack(number, "crop", "", false), made("span", { textContent: frame })));
  const text = total === 1 ? "the only sample of this video" : `this video: ${count(total)} samples, by frame (up and down arrow)`;
  return made("div", { className: "strip" }, made("p", { className: "note", textContent: text }),
    made("div", {}, ...shown));
}

function labels() {
  const figure = (part, text, overlaid = false) => {
    const pictures = stack(known.number, part, "?exact=1", overlaid);
    return made("figure", {}, pictures, made("figcaption", { textContent: text }));
  };
  const [low, high] = known.depth_range;
  const depth = known.depth_is_zero ? "depth: 0 everywhere" : `depth: ${low} to ${high} on the face`;
  const box = made("div", { className: "four" }, figure("crop", "crop"), figure("depth", depth),
    figure("parsing", "parsing"), figure("crop", "labels over the crop", true));
  box.style.setProperty("--parsing", state.parsing || 0.5);
  box.style.setProperty("--depth", state.depth);
  return box;
}

function wrong() {
  const bad = known.pixels !== "right";
  return made("p", { className: bad ? "verdict bad" : "verdict good",
    textContent: bad ? `Checksum ${known.pixels}` : "Checksum right: the pixels are those that were packed" });
}

function present() {
  const all = Object.values(known.classes).reduce((sum, pixels) => sum + pixels, 0);
  const entries = Object.entries(known.classes).map(([number, pixels]) => {
    const colour = made("i");
    colour.style.background = bundle.classes[number]?.colour ?? "transparent";
    const name = bundle.classes[number]?.name ?? `class ${number}: there is none`;
    return made("span", {}, colour, `${name} ${((100 * pixels) / all).toFixed(1)}%`);
  });
  return made("p", { className: "key" }, ...entries);
}

function fields() {
  const rows = known.fields.map(({ name, value: stored, unit, meaning }) => {
    const text = name === "live" ? (stored ? "live" : "spoof") : stored === null ? "none"
      : stored === "" ? "(empty)" : String(stored);
    return made("tr", {}, made("th", { textContent: name }),
      made("td", { textContent: unit && stored !== null ? `${text} ${unit === "degree" ? "°" : unit}` : text }),
      made("td", { className: "note", textContent: meaning }));
  });
  const affine = known.affine.map((row) => row.map((one) => (one === null ? "none" : one.toFixed(4))).join(", ")).join(" / ");
  rows.push(made("tr", {}, made("th", { textContent: "affine" }), made("td", { textContent: affine }),
    made("td", { className: "note", textContent: "frame to crop, pixel centres at +0.5" })));
  return made("details", { className: "fields", open: true }, made("summary", { textContent: `All fields; ${known.shard}, row ${known.row}` }),
    made("table", {}, made("tbody", {}, ...rows)));
}

async function origin(number, box, signal) {
  let found;
  try {
    found = await ask(`/api/origin/${number}`, signal);
  } catch (error) {
    if (error.name !== "AbortError") box.replaceChildren(verdict(false, error.message));
    return;
  }
  const lines = [];
  if (found.size) {
    box.replaceChildren(drawing(number, found), switches(),
      found.proof === "yes" ? verdict(true, "The frame gives the stored crop, byte for byte")
        : verdict(false, `The frame gives another crop: ${[found.proof.replace(/^no: /, ""), found.because].filter(Boolean).join("; ")}`));
    lines.push(["size", [`${found.size[0]} x ${found.size[1]}, upright`, ...found.turns].join(", ")]);
  } else {
    box.replaceChildren(made("p", { className: "verdict", textContent: `No frame: ${found.reason}` }));
  }
  lines.unshift(["video", found.video], ["frame", String(found.frame)]);
  if (found.root) lines.push(["found in", found.root]);
  lines.push(["sha256", found.sha256 || "not recorded when it was packed"]);
  if (found.found_sha256 && found.sha256) {
    lines.push(["the file there", found.found_sha256 === found.sha256 ? "is the one that was packed"
      : `is another one: ${found.found_sha256}`]);
  }
  box.append(made("table", {}, made("tbody", {}, ...lines.map(([name, text]) => made("tr", {},
    made("th", { textContent: name }), made("td", { className: name === "sha256" ? "hash" : "", textContent: text }))))));
}

const verdict = (good, text) => made("p", { className: good ? "verdict good" : "verdict bad", textContent: text });

// The frame with the crop's outline and the face mesh over it, in the frame's own pixels.
function drawing(number, found) {
  const [width, height] = found.size;
  const over = shape("svg", { viewBox: `0 0 ${width} ${height}` });
  const thick = Math.max(width, height) / 400;
  if (found.outline) {
    const points = found.outline.map((point) => point.join(",")).join(" ");
    over.append(shape("polygon", { points, class: "outline under", "stroke-width": 2.2 * thick }),
      shape("polygon", { points, class: "outline", "stroke-width": thick }));
  }
  const span = found.outline ? Math.hypot(found.outline[1][0] - found.outline[0][0], found.outline[1][1] - found.outline[0][1]) : width;
  for (const [x, y] of found.landmarks) {
    over.append(shape("circle", { cx: x, cy: y, r: Math.max(span / 250, thick / 3), class: "landmark" }));
  }
  const box = made("div", { className: "frame" },
    made("img", { src: `/picture/${number}/frame`, alt: "the video frame" }), over);
  box.style.aspectRatio = `${width} / ${height}`;
  box.style.setProperty("--shape", width / height);
  return box;
}

function shape(kind, attributes) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
  return element;
}

function switches() {
  const one = (name, key) => {
    const input = made("input", { type: "checkbox", checked: marks[name], title: key,
      on: { change: () => { marks[name] = input.checked; apply(); } } });
    return made("label", {}, input, ` ${name}`);
  };
  apply();
  return made("p", { className: "switches" }, one("outline", "o"), one("landmarks", "l"));
}

function apply() {
  for (const name of Object.keys(marks)) place.classList.toggle(`no-${name}`, !marks[name]);
}

function pressed(event) {
  if (place.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (writes(event)) return;
  const along = known?.of_video;
  const neighbour = (step) => along?.samples[along.at - along.first + step]?.[0];
  const acts = {
    Escape: () => change({ sample: null }, ["sample"], true),
    ArrowLeft: () => to(known?.before),
    ArrowRight: () => to(known?.after),
    ArrowUp: () => to(neighbour(-1)),
    ArrowDown: () => to(neighbour(1)),
    o: () => place.querySelector(".switches input")?.click(),
    l: () => place.querySelectorAll(".switches input")[1]?.click(),
  };
  if (event.key === "Tab") return keepInside(event);
  if (!(event.key in acts)) return;
  event.preventDefault();
  acts[event.key]();
}

// The focus does not leave the sample for what lies hidden behind it.
function keepInside(event) {
  const all = [...place.querySelectorAll("button:not(:disabled), a[href], input, summary")];
  const [first, last] = [all[0], all.at(-1)];
  const at = document.activeElement;
  if (event.shiftKey ? at === first || at === place : at === last) {
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }
}
