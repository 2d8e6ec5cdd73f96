// Single calls: found, and one of them.

import { act } from "./actions.js";
import { address, admin, ask } from "./api.js";
import { cell, el, empty, table } from "./dom.js";
import { count, small, when } from "./format.js";
import { link, times, zone } from "./spend.js";

const filters = ["provider", "model", "project", "customer", "user", "key", "client", "session", "feature", "state"];
const states = ["", "settled", "assumed", "released", "refused", "held"];

export async function show(place, given) {
  if (given.entry) return await one(place, given);
  const asked = { ...given, ...times({ span: given.span || "30d", ...given }), zone: zone(), by: "" };
  const found = await ask("/api/calls", asked);
  const csv = address("/api/calls.csv", asked);
  const rows = found.calls.map((call) => el("tr", {},
    cell(el("a", { href: link("calls", { entry: call.entry }) }, when(call.time)), "num"), cell(state(call.state)),
    cell(call.model, "name"), cell(call.project || call.client || "–", "name wide"),
    cell(call.input_tokens ? count(call.input_tokens) : "", "r wide"), cell(call.output_tokens ? count(call.output_tokens) : "", "r wide"),
    cell(call.state === "held" ? "≤ " + small(call.held_usd) : small(call.cost_usd), "r"), cell(call.note, "note wide")));
  place.replaceChildren(
    el("div", { class: "head" }, el("h1", {}, "Calls"), el("a", { class: "button", href: csv, download: "calls.csv" }, "Save as CSV")),
    form(given),
    el("section", { class: "card" },
      rows.length ? table([["Time"], ["State"], ["Model"], ["Project or client", "wide"], ["Read", "r wide"], ["Written", "r wide"], ["Cost", "r"], ["Note", "wide"]], rows, "Calls")
        : empty("No call fits. Take a filter away, or choose a longer time.")),
    el("div", { class: "controls" },
      given.before ? el("a", { class: "button", href: link("calls", { ...given, before: "" }) }, "The newest") : null,
      found.next ? el("a", { class: "button", href: link("calls", { ...given, before: found.next }) }, "Older") : null));
  return found;
}

function form(given) {
  const fields = filters.map((name) => el("div", {}, el("label", { for: "f-" + name }, name),
    name === "state"
      ? el("select", { id: "f-state", name }, states.map((each) => el("option", { value: each, selected: each === (given.state || "") }, each || "any")))
      : el("input", { id: "f-" + name, name, value: given[name] || "", autocomplete: "off" })));
  const span = el("div", {}, el("label", { for: "f-span" }, "time"),
    el("select", { id: "f-span", name: "span" }, ["24h", "7d", "30d", "90d"].map((each) => el("option", { value: each, selected: each === (given.span || "30d") }, each))));
  return el("form", { class: "filters", role: "search", onsubmit: (event) => {
    event.preventDefault();
    location.hash = link("calls", { ...given, ...Object.fromEntries(new FormData(event.target)), before: "" });
  } }, fields, span, el("button", { class: "main", type: "submit" }, "Find"));
}

function state(name) {
  return el("span", { class: "tag " + (name === "refused" ? "bad" : name === "settled" ? "good" : "") }, name);
}

async function one(place, given) {
  const call = await ask("/api/call/" + given.entry);
  const usage = call.usage.map((each) => el("tr", {}, cell(each.unit.replaceAll("_", " ")), cell(count(each.count), "r"), cell(each.rate_usd ? small(each.rate_usd) : "–", "r")));
  const entries = call.entries.map((each) => el("tr", {}, cell(when(each.time), "num"), cell(each.kind), cell(Number(each.held_usd) ? small(each.held_usd) : "", "r"), cell(Number(each.cost_usd) ? small(each.cost_usd) : "", "r"), cell(each.note, "note")));
  const about = [["Time", new Date(call.time).toLocaleString()], ["State", state(call.state)], ["Provider", call.provider], ["Endpoint", call.endpoint],
    ["Asked for", call.asked], ["Served by", call.model], ["Budgets", call.budgets.join(", ") || "none"], ["Cost", small(call.cost_usd)], ["Held", small(call.held_usd)], ["Note", call.note], ["Id", el("code", {}, call.id)]];
  const attributes = Object.entries(call.attributes).filter(([name]) => !["provider", "endpoint", "model"].includes(name))
    .map(([name, value]) => name === "key" && call.key_name ? [name, `${call.key_name} (${value})`] : [name, value]);
  place.replaceChildren(
    el("div", { class: "head" }, el("h1", {}, "One call"), el("a", { class: "button", href: link("calls", {}) }, "All calls")),
    el("div", { class: "two" },
      el("section", { class: "card" }, el("h2", {}, "The call"), list(about)),
      el("section", { class: "card" }, el("h2", {}, "Whose it is"), attributes.length ? list(attributes) : empty("Nothing is known of who made it."),
        admin() && call.key ? el("div", { class: "acts" }, el("button", { class: "small", type: "button", "data-act": "name " + call.key, onclick: () => act("name", { value: call.key, name: call.key_name }) }, call.key_name ? "Rename its key" : "Name its key")) : null)),
    el("section", { class: "card" }, el("h2", {}, "Usage"),
      usage.length ? table([["Unit"], ["Count", "r"], ["USD per price unit", "r"]], usage, "Usage") : empty("No usage was told."),
      call.price ? el("p", { class: "quiet" }, `Price of ${call.price.model}` + (call.price.since ? `, in force since ${call.price.since}` : "") + (call.price.source ? `, from ${call.price.source}` : "")) : null),
    el("section", { class: "card" }, el("h2", {}, "In the ledger"), table([["Time"], ["Entry"], ["Held", "r"], ["Cost", "r"], ["Note"]], entries, "Entries")));
}

function list(rows) {
  return el("dl", { class: "facts-of" }, rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
