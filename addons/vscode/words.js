// What stands in the status bar and its tooltip. Amounts are the page's decimal texts, never added up.

// Of the budgets that stop something, the one of which the least is left.
function nearest(budgets) {
  const stopping = budgets.filter((each) => each.mode !== "watch");
  return stopping.reduce((found, each) => (!found || gone(each) > gone(found) ? each : found), null);
}

// The share of a cap that is spent or held, about; that nothing is left is what the page says.
function gone(budget) {
  if (budget.paused || !(Number(budget.left) > 0)) return 1;
  return (Number(budget.spent) + Number(budget.held)) / Number(budget.cap);
}

function level(budget, warnAt) {
  if (!budget) return "ok";
  return gone(budget) >= 1 ? "gone" : gone(budget) * 100 >= warnAt ? "low" : "ok";
}

function text(document) {
  const budget = nearest(document.budgets);
  if (!budget) return "$(shield) LLMCap: no cap";
  // `$(name)` is an icon here, which no client's name may be.
  const name = title(budget).replaceAll("$(", "$ (");
  if (budget.paused) return `$(debug-pause) ${name} paused`;
  const of = document.budgets.length > 1 ? ` (${name})` : "";
  return `$(shield) ${amount(budget.spent, budget.unit)} spent, ${amount(budget.left, budget.unit)} left${of}`;
}

// Markdown: a table of budgets, the burn, what is in flight, waits and was refused.
function tooltip(document) {
  const lines = ["**LLMCap**", ""];
  if (document.budgets.length) {
    lines.push("| budget | spent | held | left | of |", "| --- | ---: | ---: | ---: | ---: |");
    for (const each of document.budgets.slice(0, 12)) {
      const figures = ["spent", "held", "left", "cap"].map((name) => amount(each[name], each.unit));
      const marks = (each.mode === "watch" ? " (watched)" : "") + (each.paused ? " (paused)" : "");
      lines.push(`| ${escaped(title(each))}${marks} | ${figures.join(" | ")} |`);
    }
    if (document.budgets.length > 12) lines.push("", `and ${document.budgets.length - 12} more`);
  } else lines.push("Nothing is capped. Start a proxy with a cap: `llmcap up --cap 20/day`");
  const facts = [];
  if (document.burn_usd !== null) facts.push(`${amount(document.burn_usd, "usd")} a minute`);
  facts.push(`${document.in_flight.length} in flight, ${amount(document.held_usd, "usd")} held`);
  if (document.waiting.length) facts.push(`${document.waiting.length} waiting`);
  facts.push(`${document.refused.length} refused in the last hour`);
  lines.push("", facts.join(" · "));
  const last = document.refused[0];
  if (last) lines.push("", `Last refused: ${escaped(last.model)}, ${escaped(last.note)}`);
  return lines.join("\n");
}

function title(budget) {
  return budget.value ? `${budget.name}: ${budget.value_name || budget.value}` : budget.name;
}

// Names come from clients: none of them is markup, or a link.
function escaped(name) {
  return String(name).replace(/[\\`*_{}[\]()#+\-.!|<>~$&:]/g, "\\$&").replace(/\s+/g, " ");
}

// Cents where there are some, else as many digits as matter; counts with separators.
function amount(value, unit) {
  if (unit !== "usd") return `${Number(value).toLocaleString("en-US")} ${unit}`;
  const [whole, fraction = ""] = String(value).split(".");
  if (whole === "0" && /[1-9]/.test(fraction) && fraction.startsWith("00")) {
    const zeros = fraction.length - fraction.replace(/^0+/, "").length;
    return `$0.${fraction.slice(0, zeros + 2)}`;
  }
  return `$${whole}.${(fraction + "00").slice(0, 2)}`;
}

module.exports = { amount, level, nearest, text, title, tooltip };
