// The worst case: the most that can be spent until each window ends.

import { ask } from "./api.js";
import { cell, el, empty, meter, table } from "./dom.js";
import { day, percent, small, titled, usd } from "./format.js";

export async function show(place) {
  const found = await ask("/api/exposure");
  const rows = found.budgets.map((each) => el("tr", {},
    el("td", { class: "name" }, titled(each), each.mode === "watch" ? el("span", {}, " ", el("span", { class: "tag" }, "only watched")) : "", each.paused ? el("span", {}, " ", el("span", { class: "tag bad" }, "paused")) : "",
      meter([["spent", Number(each.cap) > 0 ? Number(each.spent) / Number(each.cap) : 1]], `${percent(each.spent, each.cap)} of ${titled(each)} is spent`)),
    cell(each.most_usd === null ? "no bound" : small(each.most_usd), "r"), cell(small(each.spent), "r"), cell(small(each.cap), "r wide"), cell(each.resets_at ? day(each.resets_at) : "never", "r wide")));
  place.replaceChildren(
    el("div", { class: "head" }, el("h1", {}, "Exposure")),
    el("div", { class: "facts" }, el("div", { class: "fact" },
      el("b", {}, found.worst_usd === null ? "No bound" : usd(found.worst_usd)),
      el("span", {}, found.worst_usd === null ? "No budget counts everything, so nothing bounds the sum."
        : `is the most that can still be spent ${found.worst_until ? "until " + day(found.worst_until) : "in all"}, by the budget ${found.worst_by}`))),
    el("section", { class: "card" }, el("h2", {}, "By budget"),
      rows.length ? table([["Budget"], ["Still possible", "r"], ["Spent", "r"], ["Cap", "r wide"], ["Resets", "r wide"]], rows, "Exposure by budget")
        : empty("No budget in dollars is in force.")),
    found.per_value.length ? empty(`A value that has not spent yet has the whole cap before it: ${found.per_value.join(", ")}.`) : "");
  return found;
}
