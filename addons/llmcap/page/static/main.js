// The views, one at a time, by the part of the address behind #: #calls?model=gpt-5.

import { begin, watch } from "./api.js";
import { el } from "./dom.js";
import * as calls from "./calls.js";
import * as exposure from "./exposure.js";
import * as now from "./now.js";
import * as spend from "./spend.js";

const views = { now, spend, calls, exposure };
const place = document.getElementById("view");
let latest = null;
let shown = "";

function where() {
  const [name, query] = location.hash.slice(1).split("?");
  return [views[name] ? name : "now", Object.fromEntries(new URLSearchParams(query || ""))];
}

async function show() {
  const [name, given] = where();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = "LLMCap: " + name;
  const moved = shown !== name;
  shown = name;
  try {
    await views[name].show(place, given, latest);
  } catch (error) {
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
  const proxies = document.proxies;
  status(proxies ? "live" : "off", proxies ? (proxies === 1 ? "1 proxy, live" : proxies + " proxies, live") : "no proxy runs");
  if (shown === "now") now.update(place, document);
}

window.addEventListener("hashchange", show);
try {
  await begin();
  await show();
  watch(told, () => status("off", "connection lost"));
} catch (error) {
  status("off", "not connected");
  place.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
}
