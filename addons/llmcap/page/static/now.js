// This moment: budgets, calls in flight, refusals.

import { address, admin, ask } from "./api.js";
import { cell, el, empty, meter, table } from "./dom.js";
import { amount, count, day, short, small, span, titled, when } from "./format.js";
import { act } from "./actions.js";
import { link } from "./spend.js";

export async function show(place, _given, latest) {
  place.replaceChildren(el("div", { class: "head" }, el("h1", {}, "Now")), el("div", { id: "inside" }));
  const found = latest || (await ask("/api/now"));
  update(place, found);
  return found;
}

export function update(place, document_) {
  const inside = place.querySelector("#inside");
  if (!inside || inside.contains(document.activeElement) && document.querySelector("dialog[open]")) return;
  const focused = document.activeElement?.dataset?.act;
  inside.replaceChildren(...[facts, budgets, nodes, waiting, flying, refused, clamped, bills, told, elsewhere].map((part) => part(document_)).filter(Boolean));
  if (focused) inside.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
}

function facts(found) {
  const hour = found.last_hour;
  const sum = Object.values(hour).reduce((a, b) => a + b, 0);
  return el("div", { class: "facts" },
    found.burn_usd === null ? null : fact(small(found.burn_usd) + "/min", "spent, over five minutes"),
    fact(small(found.held_usd), "held by " + found.in_flight.length + (found.in_flight.length === 1 ? " call" : " calls") + " in flight"),
    fact(short(sum), "calls in the last hour"),
    fact(short(hour.refused || 0), "refused in the last hour"));
}

function fact(value, text) {
  return el("div", { class: "fact" }, el("b", {}, value), el("span", {}, text));
}

function budgets(found) {
  const cards = found.budgets.map(budget);
  return el("section", {}, el("h2", {}, "Budgets"),
    cards.length ? el("div", { class: "budgets" }, cards)
      : el("div", { class: "card" }, empty("Nothing is capped yet. Start a proxy with a cap:", "llmcap up --cap 20/day")));
}

function budget(each) {
  const cap = Number(each.cap), spent = Number(each.spent), held = Number(each.held);
  const taken = Number(each.left) > 0 ? (spent + held) / cap : 1; // about, and exactly 1 when nothing is left
  const watched = each.mode === "watch";
  const mood = each.paused || taken >= 1 ? "over" : taken >= 0.8 ? "near" : "";
  const name = titled(each);
  const unit = each.unit === "usd" ? "" : " " + each.unit;
  const said = `${name}: ${amount(each.spent, each.unit)} spent and ${amount(each.held, each.unit)} held of ${amount(each.cap, each.unit)}${unit}`;
  return el("article", { class: "card budget " + mood },
    el("div", { class: "top" }, el("h3", {}, name), el("span", { class: "left" }, each.paused ? "paused" : watched && taken >= 1 ? "would refuse" : amount(each.left, each.unit) + " left")),
    watched ? el("div", {}, el("span", { class: "tag" }, "only watched: it stops nothing")) : null,
    el("div", { class: "of" }, `of ${amount(each.cap, each.unit)}${unit} ${every(each)}`, each.per.length && !each.value ? ", of no " + each.per.join(" and ") : ""),
    meter([["spent", cap > 0 ? spent / cap : 1], ["held", cap > 0 ? held / cap : 0]], said),
    el("div", { class: "legend" },
      el("span", {}, el("i", { class: "spent" }), amount(each.spent, each.unit) + " spent"),
      held ? el("span", {}, el("i", { class: "held" }), amount(each.held, each.unit) + (each.calls === null ? " at the nodes" : " held")) : null,
      Number(each.raised) ? el("span", {}, (Number(each.raised) > 0 ? "raised by " : "lowered by ") + amount(String(each.raised).replace("-", ""), each.unit)) : null,
      each.calls === null ? null : el("span", {}, count(each.calls) + " calls"),
      each.refused ? el("span", {}, count(each.refused) + " refused") : null),
    ahead(each),
    admin() ? el("div", { class: "acts" },
      button("Raise", each, "raise"), button("Set", each, "set"),
      each.paused ? button("Resume", each, "resume") : button("Pause", each, "pause"), button("Reset", each, "reset")) : null);
}

function every(each) {
  return each.unit === "concurrent" ? "calls" : each.every === "once" ? "in all" : each.every === "run" ? "a run" : "every " + each.every;
}

function ahead(each) {
  const now = Date.now();
  if (each.ends_at) return el("p", { class: "ahead warn" }, `At this pace nothing is left ${day(each.ends_at)}, in ${span(new Date(each.ends_at) - now)}.`);
  if (!each.resets_at) return null;
  const at = each.at_reset ? `${amount(each.at_reset, each.unit)} at this pace when it resets, ` : "Resets ";
  return el("p", { class: "ahead" }, `${at}${day(each.resets_at)} (in ${span(new Date(each.resets_at) - now)})`);
}

function button(text, each, verb) {
  return el("button", { class: "small", type: "button", "data-act": `${verb} ${each.name} ${each.value}`,
    "aria-label": `${text} ${each.name} ${each.value}`.trim(), onclick: () => act(verb, each) }, text);
}

function flying(found) {
  const now = new Date(found.time);
  const rows = found.in_flight.map((call) => el("tr", {},
    cell(el("a", { href: link("calls", { entry: call.entry }) }, call.model), "name"),
    cell(call.project || call.client || "–", "name"), cell(span(now - new Date(call.time)), "r"), cell(small(call.held_usd), "r")));
  return el("section", { class: "card" }, el("h2", {}, "In flight"),
    rows.length ? table([["Model"], ["Project or client"], ["Age", "r"], ["Held", "r"]], rows, "Calls in flight")
      : empty("No call is in flight."));
}

// The machines of a fleet, and whether they live; nothing where there is none.
function nodes(found) {
  const now = new Date(found.time);
  const rows = (found.fleet?.nodes || []).map((node) => el("tr", {},
    cell(el("a", { href: address("#now", { node: node.id }) }, node.name), "name"), cell(el("code", {}, node.id), "name wide"),
    cell(el("span", { class: "tag " + (node.state === "active" ? "good" : node.state === "silent" ? "bad" : "") }, node.state)),
    cell(span(now - new Date(node.heard_at)) + " ago", "r")));
  return rows.length ? el("section", { class: "card" }, el("h2", {}, "Nodes"),
    table([["Machine"], ["Node", "wide"], ["State"], ["Heard", "r"]], rows, "Nodes of the fleet")) : null;
}

// What stands beside each machine's own ledger, and in no treasury: of whose this is.
function where(found) {
  return found.fleet && found.fleet.shown !== "here" ? ", on this machine" : "";
}

// Of another machine nobody here knows it.
function elsewhere(found) {
  return found.fleet && found.fleet.shown && !found.told ? empty("What waits there, its breakers and its events are known at that machine: its own page shows them.") : null;
}

function waiting(found) {
  const now = new Date(found.time);
  const rows = found.waiting.map((call) => el("tr", {},
    cell(call.model, "name"), cell(call.project || call.client || "–", "name"), cell(span(now - new Date(call.since)), "r"), cell("money that calls in flight hold of " + call.budgets.join(" and "), "note")));
  return rows.length ? el("section", { class: "card" }, el("h2", {}, "Waiting" + where(found)),
    table([["Model"], ["Project or client"], ["For", "r"], ["What it waits for"]], rows, "Calls that wait")) : null;
}

function clamped(found) {
  const rows = found.clamped.slice(0, 20).map((call) => el("tr", {},
    cell(when(call.time), "num"), cell(el("a", { href: link("calls", { entry: call.entry }) }, call.model), "name"),
    cell(call.project || call.client || "–", "name wide"), cell(call.note, "note")));
  return rows.length ? el("section", { class: "card" }, el("h2", {}, "Clamped in the last hour"),
    table([["Time"], ["Model"], ["Project or client", "wide"], ["To what"]], rows, "Clamped calls")) : null;
}

function refused(found) {
  const rows = found.refused.slice(0, 20).map((call) => el("tr", {},
    cell(when(call.time), "num"), cell(el("a", { href: link("calls", { entry: call.entry }) }, call.model), "name"),
    cell(call.project || call.client || "–", "name wide"), cell(call.note, "note")));
  return el("section", { class: "card" }, el("h2", {}, "Refused in the last hour"),
    rows.length ? table([["Time"], ["Model"], ["Project or client", "wide"], ["Why"]], rows, "Refused calls")
      : empty("Nothing was refused."));
}

// What the providers say that they billed, beside the ledger; nothing where no bill was asked for.
function bills(found) {
  const rows = (found.captured || []).map((each) => el("tr", {},
    cell(each.provider, "name"), cell(each.rate === null ? "–" : (each.rate * 100).toFixed(2) + " %", "r"),
    cell(el("span", { class: each.agrees ? "tag" : "tag bad" }, each.agrees ? "agrees" : "differs")),
    cell(each.verdict, "note"), cell(when(each.at), "num")));
  return rows.length ? el("section", { class: "card" }, el("h2", {}, "Captured of what was billed" + where(found)),
    table([["Provider"], ["Captured", "r"], [""], ["Verdict"], ["Compared"]], rows, "Bills")) : null;
}

function told(found) {
  const open = found.breakers.map((each) => el("tr", {},
    cell(el("span", { class: "tag bad" }, each.state)), cell(`${each.kind} of ${each.value}`, "name"), cell(each.why, "note"),
    cell(admin() ? el("button", { class: "small", type: "button", "data-act": "close " + each.kind + each.value, onclick: () => act("close", each) }, "Close") : "", "r")));
  const rows = found.events.slice(0, 12).map((each) => el("tr", {},
    cell(when(each.at), "num"), cell(el("span", { class: "tag" }, each.event.replaceAll("_", " "))), cell(each.message, "note")));
  return el("div", {},
    open.length ? el("section", { class: "card" }, el("h2", {}, "Open breakers" + where(found)), table([["State"], ["Breaker"], ["Why"], [""]], open, "Open breakers")) : null,
    rows.length ? el("section", { class: "card" }, el("h2", {}, "Told lately" + where(found)), table([["Time"], ["Kind"], ["What"]], rows, "Events")) : null);
}
