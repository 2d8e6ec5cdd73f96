// What was spent, over any time, stacked by any attribute.

import { address, ask, fleet } from "./api.js";
import { draw, named } from "./chart.js";
import { cell, el, empty, plain, share, table } from "./dom.js";
import { count, percent, short, small, usd } from "./format.js";

const spans = { "24h": 1, "7d": 7, "30d": 30, "90d": 90 };
const known = ["provider", "model", "project", "customer", "user", "key", "client", "session", "feature", "organization", "tag", "organisation", "endpoint", "host", "proxy_user", "cwd", "port", "budget", "state", "node"];
const isName = (name) => known.includes(name) || name.startsWith("metadata.");

export function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

// The times that an address names; a span in days ends now, and begins at a midnight of the viewer.
export function times(given) {
  if (given.since) return { since: new Date(given.since).toISOString(), until: given.until ? new Date(given.until).toISOString() : "" };
  const days = spans[given.span] || 7;
  const since = new Date();
  if (days === 1) since.setTime(since.getTime() - 86400000);
  else {
    since.setHours(0, 0, 0, 0);
    since.setDate(since.getDate() - days + 1);
  }
  return { since: since.toISOString(), until: "" };
}

export function link(name, given) {
  return address("#" + name, given);
}

export async function show(place, given) {
  const by = given.by || "model";
  const found = await ask("/api/spend", { ...given, ...times(given), by, zone: zone() });
  const go = (more) => { location.hash = link("spend", { ...given, ...more }); };
  const where = Object.entries(given).filter(([name]) => isName(name) && name !== "node");
  const names = [...new Set([...known, ...(found.metadata || []), by])].filter((name) => fleet() || name !== "node");
  place.replaceChildren(
    el("div", { class: "head" }, el("h1", {}, "Spend"),
      el("div", { class: "controls" },
        el("div", { class: "segment", role: "group", "aria-label": "Span of time" },
          Object.keys(spans).map((name) => el("button", {
            type: "button", "aria-pressed": String(!given.since && (given.span || "7d") === name),
            onclick: () => go({ span: name, since: "", until: "" }) }, name))),
        free(given, go),
        el("label", { for: "by" }, "by "),
        el("select", { id: "by", onchange: (event) => go({ by: event.target.value }) },
          names.map((name) => el("option", { value: name, selected: name === by }, name.replace("_", " ")))))),
    where.length ? el("p", {}, "Only ", where.map(([name, value]) => el("button", { class: "small", type: "button", "aria-label": `Take away ${name} ${value}`, onclick: () => go({ [name]: "" }) }, `${name}: ${value} ×`))) : "",
    ...(found.counting ? [empty("The ledger has not been counted yet; this takes a moment after the first start.")]
      : !found.total.calls && !found.total.refused ? [el("div", { class: "card" }, empty("No calls in this time. Programs are metered that use the proxy:", 'eval "$(llmcap env)"'))]
        : view(found, given, by)));
  if (found.steps?.length && found.total.calls) chart(place.querySelector(".chart"), found);
  return found;
}

function free(given, go) {
  const local = (text) => text ? text.slice(0, 10) : "";
  const from = el("input", { type: "date", "aria-label": "From", value: local(given.since), onchange: moved });
  const to = el("input", { type: "date", "aria-label": "To", value: local(given.until), onchange: moved });
  function moved() {
    if (from.value) go({ span: "", since: from.value + "T00:00", until: to.value ? to.value + "T23:59:59" : "" });
  }
  return el("span", { class: "controls" }, from, to);
}

function view(found, given, by) {
  const all = found.total;
  const measured = Number(all.cost_usd) - Number(all.assumed_usd);
  const tokens = all.input_tokens + all.output_tokens;
  return [
    el("div", { class: "facts" },
      fact(usd(all.cost_usd), change(all.cost_usd, all.before_usd)),
      fact(small(all.per_call_usd), `a call, of ${short(all.calls)}`),
      fact(small(all.per_1k_tokens_usd), `per 1,000 tokens, of ${short(tokens)}`),
      fact(percent(all.cached_tokens, all.input_tokens), `of the input from caches, ${small(all.saved_usd)} saved`),
      fact(percent(measured, all.cost_usd), Number(all.assumed_usd) ? `measured, ${small(all.assumed_usd)} assumed` : "measured, nothing assumed"),
      fact(short(all.refused), "calls refused")),
    el("section", { class: "card" }, el("h2", {}, "By " + by.replace("_", " ")), el("div", { class: "chart", role: "img", "aria-label": `Cost over time by ${by}; the table below has the sums` }),
      el("div", { class: "hover", id: "hover" }),
      el("div", { class: "keys" }, found.series.filter(any).map((each) => el("span", {}, el("i", { class: "k" + named(found.series, found.series.indexOf(each)) }), each.value === null ? "all others" : found.key_names[each.value] || each.value || "(none)")))),
    el("section", { class: "card" }, el("h2", {}, "The dearest"), top(found, given, by)),
  ];
}

const any = (each) => each.cost_usd.some((cost) => Number(cost) > 0);

function fact(value, text) {
  return el("div", { class: "fact" }, el("b", {}, value), el("span", {}, text));
}

function change(now, before) {
  if (!Number(before)) return "spent";
  const share_ = Math.round((100 * (Number(now) - Number(before))) / Number(before));
  return `spent, ${share_ >= 0 ? "+" : "−"}${Math.abs(share_)} % to the same time before`;
}

function top(found, given, by) {
  const most = Math.max(...found.top.map((each) => Number(each.cost_usd)), 1e-12);
  const rows = found.top.map((each) => el("tr", {},
    el("td", { class: "name" }, called(found, given, by, each.value), share(Number(each.cost_usd) / most)),
    cell(usd(each.cost_usd), "r"), cell(percent(each.cost_usd, found.total.cost_usd), "r"),
    cell(delta(each), "r wide"), cell(count(each.calls), "r"), cell(small(each.per_call_usd), "r wide"), cell(short(each.input_tokens + each.output_tokens), "r wide"),
    cell(each.refused ? count(each.refused) : "", "r wide")));
  return el("div", {}, table([[by.replace("_", " ")], ["Cost", "r"], ["Share", "r"], ["Before", "r wide"], ["Calls", "r"], ["A call", "r wide"], ["Tokens", "r wide"], ["Refused", "r wide"]], rows, "The dearest"),
    found.others ? empty(`and ${count(found.others)} more`) : null);
}

// A value, which leads to its calls. Nodes are chosen above: there are machines of the same name.
function called(found, given, by, value) {
  const name = found.key_names[value] || value || "(none)";
  if (by === "node") return name;
  return el("a", { href: link("calls", { ...given, span: given.span || "7d", [by]: value, by: "" }) }, name);
}

function delta(each) {
  if (!Number(each.before_usd)) return "new";
  const share_ = Math.round((100 * (Number(each.cost_usd) - Number(each.before_usd))) / Number(each.before_usd));
  return el("span", { class: share_ > 20 ? "up" : share_ < 0 ? "down" : "" }, (share_ >= 0 ? "+" : "−") + Math.abs(share_) + " %");
}

function chart(place, found) {
  const hover = document.getElementById("hover");
  draw(place, found.steps, found.series, (at) => {
    if (at === null) {
      hover.textContent = "";
      return;
    }
    const parts = found.series.map((each) => [each.value === null ? "others" : each.value || "(none)", Number(each.cost_usd[at])]).filter(([, cost]) => cost > 0);
    const sum = parts.reduce((whole, [, cost]) => whole + cost, 0);
    const time = new Date(found.steps[at] * 1000).toLocaleString(undefined, { weekday: "short", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
    hover.textContent = plain(`${time}: ${small(sum)}` + (parts.length ? " — " + parts.map(([name, cost]) => `${name} ${small(cost)}`).join(", ") : ""));
  });
}
