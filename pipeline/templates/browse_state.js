// What is looked at: it lives in the address, so that a view can be sent to somebody.

export const CHOICES = ["dataset", "split", "live", "attack", "instrument", "subject", "session",
  "device", "video"];
export const FIGURES = ["face_size", "detection_score", "yaw", "pitch", "roll", "sharpness",
  "brightness", "padding", "faces", "shipped_distance"];
export const VIEWS = { crop: "Crop", depth: "Depth", parsing: "Parsing", side: "Side by side",
  overlay: "Overlay" };
const SORTS = ["stored", "identity", "video", ...FIGURES];
const PLAIN = { tab: "samples", sort: "stored", view: "side", text: "", size: 128, parsing: 0.5,
  depth: 0, sample: null, at: 0, hidden: "", bundle: "" };
const NUMBERS = { size: [64, 384], parsing: [0, 1], depth: [0, 1], at: [0, 1e9], sample: [0, 1e9] };

// choices: sets of texts by name. ranges: "low..high" or "none" by name. The rest as in PLAIN.
export const state = { choices: {}, ranges: {}, ...PLAIN };

const listeners = [];

// listener(parts) is called with a set of what changed: filters, sort, look, sample, tab, all.
export function listen(listener) {
  listeners.push(listener);
}

export function read() {
  const given = new URLSearchParams(location.search);
  Object.assign(state, PLAIN, { choices: {}, ranges: {} });
  for (const [name, value] of given) {
    if (CHOICES.includes(name)) (state.choices[name] ??= new Set()).add(value);
    else if (FIGURES.includes(name)) state.ranges[name] = value;
    else if (name in NUMBERS) {
      const [low, high] = NUMBERS[name];
      const number = Number(value);
      if (value !== "" && Number.isFinite(number)) state[name] = Math.min(high, Math.max(low, number));
    } else if (name in PLAIN) state[name] = value;
  }
  if (!(state.view in VIEWS)) state.view = PLAIN.view;
  if (!SORTS.includes(state.sort.replace(/^-/, ""))) state.sort = PLAIN.sort;
}

function filterPairs() {
  const pairs = new URLSearchParams();
  for (const name of CHOICES) for (const value of state.choices[name] ?? []) pairs.append(name, value);
  for (const name of FIGURES) if (state.ranges[name]) pairs.append(name, state.ranges[name]);
  if (state.text) pairs.append("text", state.text);
  return pairs;
}

// The part of an address that says which samples are meant, and in which order.
export function query(more = {}) {
  const pairs = filterPairs();
  if (state.sort !== "stored") pairs.append("sort", state.sort);
  for (const [name, value] of Object.entries(more)) pairs.append(name, value);
  return pairs.toString();
}

export function isFiltered() {
  return filterPairs().toString() !== "";
}

// The whole address of this page, with some of it otherwise.
export function address(more = {}) {
  const pairs = filterPairs();
  const all = { ...state, ...more };
  for (const name of Object.keys(PLAIN)) {
    if (name !== "text" && all[name] !== PLAIN[name] && all[name] !== null) pairs.append(name, all[name]);
  }
  const text = pairs.toString();
  return text ? `/?${text}` : "/";
}

// Whether what is pressed is meant for a field that takes letters.
export const writes = ({ target }) => target.tagName === "SELECT"
  || (target.tagName === "INPUT" && !["checkbox", "range"].includes(target.type));

// The address follows what is looked at, but not at every step of a slider: browsers refuse that.
let following = 0;
function follow() {
  clearTimeout(following);
  following = setTimeout(() => history.replaceState(null, "", address()), 250);
}

// Take over new values; step: the browser's Back leads to what was before.
export function change(values, parts, step = false) {
  if (step && following) history.replaceState(null, "", address());
  Object.assign(state, values);
  if (step) {
    clearTimeout(following);
    history.pushState(null, "", address());
  } else follow();
  for (const listener of listeners) listener(new Set(parts));
}

// Note where the list stands, without telling anybody.
export function note(values) {
  Object.assign(state, values);
  follow();
}

export function chosen(name, value, on) {
  const set = new Set(state.choices[name] ?? []);
  if (on) set.add(value);
  else set.delete(value);
  const choices = { ...state.choices, [name]: set };
  if (!set.size) delete choices[name];
  change({ choices, at: 0 }, ["filters"], true);
}

export function ranged(name, text, step = false) {
  const ranges = { ...state.ranges, [name]: text };
  if (!text || text === "..") delete ranges[name];
  change({ ranges, at: 0 }, ["filters"], step);
}

addEventListener("popstate", () => {
  clearTimeout(following);
  read();
  for (const listener of listeners) listener(new Set(["all"]));
});

// Plain JSON from the server; an Error with its line where there is none.
export async function ask(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: is ocim browse still running?");
  }
  const said = await response.json();
  if (!response.ok) throw new Error(said.error);
  return said;
}

// An element with properties and children; texts are set as texts, whatever is in them.
export function made(kind, properties = {}, ...children) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// The line above everything; "" takes it away.
export function tell(line) {
  const place = document.getElementById("trouble");
  place.textContent = line;
  place.hidden = !line;
}

export const count = (number) => number.toLocaleString("en");
