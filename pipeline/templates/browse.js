// Begins, and brings the parts together: what changed is shown by whom it concerns.

import { FIGURES, VIEWS, ask, change, count, listen, made, read, state, tell, writes } from "./browse_state.js";
import { build, refresh } from "./browse_filters.js";
import { goto, show, strengths } from "./browse_grid.js";
import { setup, show as showSample } from "./browse_detail.js";
import { showAbout, showList } from "./browse_lists.js";

const find = (id) => document.getElementById(id);
const SORTS = { stored: "as stored (mixed)", identity: "dataset, video, frame", video: "video, frame" };
const LISTS = ["failures", "remarks", "corrections"];
let bundle = null;

async function begin() {
  read();
  try {
    bundle = await ask("/api/bundle");
    await build(bundle);
  } catch (error) {
    tell(error.message);
    return;
  }
  const name = bundle.name.split("/").filter(Boolean).slice(-2).join("/") || bundle.name;
  find("name").textContent = name;
  find("name").title = bundle.name;
  document.title = `${name} – ocim browse`;
  tabs();
  tools();
  legend();
  setup(bundle);
  listen(changed);
  addEventListener("keydown", pressed);
  find("filters-toggle").addEventListener("click", toggleFilters);
  await changed(new Set(["all"]));
  document.body.classList.add("ready");
  const other = state.bundle && !bundle.hash.startsWith(state.bundle);
  if (other) tell("This address was made with another bundle: what it shows may be something else.");
  find("lost").hidden = !bundle.troubles.length;
  find("lost").textContent = "Parts of this bundle cannot be read and are not shown: “About” says which.";
  state.bundle = bundle.hash.slice(0, 8);
}

async function changed(what) {
  const all = what.has("all");
  if (all || what.has("tab")) showTab();
  showTools();
  if (all || what.has("filters") || what.has("sort")) await select();
  else if (what.has("look")) show(shown.total, false);
  if (all || what.has("sample")) await showSample();
}

const shown = { total: 0 };

async function select() {
  const counts = await refresh();
  if (!counts) return;
  shown.total = counts.samples;
  const spoof = counts.samples - counts.live;
  find("count").replaceChildren(made("b", { textContent: count(counts.samples) }),
    ` of ${count(bundle.samples)} samples · ${count(counts.live)} live · ${count(spoof)} spoof · ${count(counts.videos)} videos`);
  show(counts.samples, true);
  if (LISTS.includes(state.tab)) await showList(find("list"), state.tab, bundle.lists[state.tab]);
}

function tabs() {
  const one = (name, text) => made("button", { type: "button", textContent: text, id: `tab-${name}`,
    on: { click: () => change({ tab: name }, ["tab"], true) } });
  find("tabs").append(one("samples", "Samples"),
    ...LISTS.map((name) => one(name, `${name[0].toUpperCase()}${name.slice(1)} ${count(bundle.lists[name])}`)),
    one("about", "About"));
}

function showTab() {
  const tab = [...LISTS, "about"].includes(state.tab) ? state.tab : "samples";
  for (const button of find("tabs").children) button.setAttribute("aria-pressed", String(button.id === `tab-${tab}`));
  find("samples").hidden = tab !== "samples";
  find("about").hidden = tab !== "about";
  find("list").hidden = !LISTS.includes(tab);
  if (tab === "about") showAbout(find("about"), bundle);
  if (LISTS.includes(tab)) showList(find("list"), tab, bundle.lists[tab]);
}

function tools() {
  find("views").append(...Object.entries(VIEWS).map(([view, text], at) => made("button", { type: "button",
    textContent: text, title: `key ${at + 1}`, id: `view-${view}`, on: { click: () => change({ view }, ["look"]) } })));
  find("sort").append(...[...Object.entries(SORTS), ...FIGURES.map((name) => [name, name.replace("_", " ")])]
    .map(([value, textContent]) => made("option", { value, textContent })));
  find("sort").addEventListener("change", () => sorted(find("sort").value, state.sort.startsWith("-")));
  find("direction").addEventListener("click", () => sorted(state.sort.replace(/^-/, ""), !state.sort.startsWith("-")));
  find("size").addEventListener("input", () => change({ size: Number(find("size").value) }, ["look"]));
  for (const part of ["parsing", "depth"]) {
    find(part).addEventListener("input", () => strength(part, Number(find(part).value)));
  }
  find("goto").addEventListener("change", () => {
    const wanted = Number(find("goto").value);
    if (wanted >= 1) goto(Math.floor(wanted) - 1);
  });
}

const sorted = (name, reversed) => change({ sort: (reversed ? "-" : "") + name, at: 0 }, ["sort"], true);

function strength(part, wanted) {
  change({ [part]: Math.min(1, Math.max(0, Math.round(wanted * 20) / 20)) }, []);
  strengths();
}

function showTools() {
  for (const button of find("views").children) button.setAttribute("aria-pressed", String(button.id === `view-${state.view}`));
  find("sort").value = state.sort.replace(/^-/, "");
  find("direction").textContent = state.sort.startsWith("-") ? "↓" : "↑";
  find("size").value = state.size;
  find("parsing").value = state.parsing;
  find("depth").value = state.depth;
  find("strengths").hidden = state.view !== "overlay";
  find("legend").hidden = !["parsing", "side", "overlay"].includes(state.view);
  const hidden = new Set(state.hidden.split(","));
  for (const button of find("legend").children) button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.number)));
}

function legend() {
  find("legend").append(...bundle.classes.slice(1).map(({ name, colour }, at) => {
    const patch = made("i");
    patch.style.background = colour;
    const button = made("button", { type: "button", title: "Shown or not; with Shift: this one alone" }, patch, name);
    button.dataset.number = at + 1;
    button.addEventListener("click", (event) => toggleClass(String(at + 1), event.shiftKey));
    return button;
  }));
}

function toggleClass(number, alone) {
  const all = bundle.classes.slice(1).map((_, at) => String(at + 1));
  let hidden = state.hidden ? state.hidden.split(",") : [];
  if (alone) hidden = all.filter((one) => one !== number);
  else if (hidden.includes(number)) hidden = hidden.filter((one) => one !== number);
  else hidden.push(number);
  change({ hidden: hidden.join(",") }, ["look"]);
}

function toggleFilters() {
  const open = document.body.classList.toggle("filters");
  find("filters-toggle").setAttribute("aria-expanded", String(open));
}

function pressed(event) {
  if (event.defaultPrevented || !find("detail").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (writes(event) && event.key !== "Escape") return;
  const size = (step) => change({ size: Math.min(384, Math.max(64, state.size + step)) }, ["look"]);
  const acts = {
    ...Object.fromEntries(Object.keys(VIEWS).map((view, at) => [String(at + 1), () => change({ view }, ["look"])])),
    "[": () => strength("parsing", state.parsing - 0.1),
    "]": () => strength("parsing", state.parsing + 0.1),
    "{": () => strength("depth", state.depth - 0.1),
    "}": () => strength("depth", state.depth + 0.1),
    "+": () => size(16),
    "=": () => size(16),
    "-": () => size(-16),
    "/": () => find("text").focus(),
    f: toggleFilters,
    Escape: () => document.activeElement.blur(),
  };
  if (!(event.key in acts)) return;
  event.preventDefault();
  acts[event.key]();
}

begin();
