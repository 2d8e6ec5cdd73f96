// The views, one at a time, by the part of the address behind #: #calls?model=gpt-5.

import { Left, address, begin, choose, enter, fleet, watch } from "./api.js";
import { el } from "./dom.js";
import * as calls from "./calls.js";
import * as exposure from "./exposure.js";
import * as now from "./now.js";
import * as spend from "./spend.js";

const views = { now, spend, calls, exposure };
const place = document.getElementById("view");
const chooser = document.getElementById("node");
const note = document.getElementById("note");
let latest = null;
let shown = "";
let stop = null; // ends the stream

function where() {
  const [name, query] = location.hash.slice(1).split("?");
  return [views[name] ? name : "now", Object.fromEntries(new URLSearchParams(query || ""))];
}

async function show() {
  const [name, given] = where();
  enter();
  if (choose(given.node || "") || !stop) {
    latest = null;
    stop?.();
    stop = watch(told, () => status("off", "connection lost"));
  }
  for (const link of document.querySelectorAll("nav a")) {
    const its = link.hash.slice(1).split("?")[0];
    link.setAttribute("href", address("#" + its));
    if (its === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = "LLMCap: " + name;
  const moved = shown !== name;
  shown = name;
  try {
    const found = await views[name].show(place, given, latest);
    if (found?.fleet) ofFleet(found.fleet); // what this view was answered from
  } catch (error) {
    if (error instanceof Left) return;
    place.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
  }
  if (moved) scrollTo(0, 0);
  if (moved && document.activeElement?.closest("nav")) place.focus({ preventScroll: true });
}

function status(name, text) {
  document.getElementById("dot").className = "dot " + name;
  const said = document.getElementById("said");
  if (said.textContent !== text) said.textContent = text;
}

function told(document) {
  latest = document;
  const whole = document.fleet && document.fleet.shown !== "here";
  const count = whole ? document.fleet.running : document.proxies;
  const word = whole ? "node" : "proxy";
  const several = whole ? "nodes" : "proxies";
  status(count ? "live" : "off", count ? `${count} ${count === 1 ? word : several}, live` : `no ${word} runs`);
  if (shown !== "now") return;
  if (document.fleet) ofFleet(document.fleet);
  now.update(place, document);
}

// Whose books are shown, and those that there are; and why, where it is not what was asked for.
function ofFleet(said) {
  const [, given] = where();
  const wanted = given.node || "";
  const options = [["", "All nodes"], ["here", "This machine's ledger"], ...said.nodes.map((node) => [node.id, `${node.name} (${node.id})`])];
  if (!options.some(([id]) => id === wanted)) options.push([wanted, wanted]);
  const names = JSON.stringify(options);
  if (chooser.dataset.names !== names) {
    chooser.dataset.names = names;
    chooser.replaceChildren(...options.map(([id, name]) => el("option", { value: id }, name)));
  }
  chooser.value = wanted;
  chooser.hidden = false;
  note.textContent = said.note ? said.note + (said.shown === "here" ? ". Shown is the ledger of this machine alone." : ".") : "";
  note.hidden = !said.note;
}

chooser.addEventListener("change", () => {
  const [name, given] = where();
  const { entry, before, ...kept } = given; // these are of the other books
  location.hash = address("#" + name, { ...kept, node: chooser.value });
});
window.addEventListener("hashchange", show);
try {
  await begin();
  if (!fleet()) choose("");
  await show();
} catch (error) {
  status("off", "not connected");
  place.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
}
