// Texts of amounts and times. Amounts come as decimal strings, and are numbers only to be drawn.

export function usd(text) {
  if (text === null || text === undefined) return "–";
  const value = Number(text);
  const size = Math.abs(value);
  if (value === 0) return "$0";
  if (size >= 1000) return "$" + value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  if (size >= 0.1) return "$" + value.toFixed(2);
  return small(text);
}

export function small(text) {
  if (text === null || text === undefined) return "–";
  const value = Number(text);
  if (value === 0) return "$0";
  if (Math.abs(value) >= 0.1) return usd(value);
  const digits = Math.min(9, 1 - Math.floor(Math.log10(Math.abs(value))));
  return "$" + value.toFixed(digits).replace(/0+$/, "").replace(/\.$/, "");
}

export function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  return unit === "usd" ? small(value) : count(value);
}

export function count(value) {
  return Number(value).toLocaleString("en-US");
}

export function short(value) {
  const number = Number(value);
  if (number >= 1e9) return (number / 1e9).toFixed(1) + "B";
  if (number >= 1e6) return (number / 1e6).toFixed(1) + "M";
  if (number >= 1e4) return (number / 1e3).toFixed(0) + "k";
  return count(number);
}

export function percent(part, whole) {
  const share = Number(whole) > 0 ? (100 * Number(part)) / Number(whole) : 0;
  return share > 0 && share < 1 ? "<1 %" : Math.round(share) + " %";
}

export function when(text) {
  const at = new Date(text);
  const today = new Date().toDateString() === at.toDateString();
  const options = today ? { hour: "2-digit", minute: "2-digit", second: "2-digit" }
    : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  return at.toLocaleString(undefined, { ...options, hour12: false });
}

export function day(text) {
  return new Date(text).toLocaleString(undefined, {
    weekday: "short", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
  });
}

export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return seconds + " s";
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return minutes + " min";
  const hours = Math.round(minutes / 60);
  return hours < 48 ? hours + " h" : Math.round(hours / 24) + " days";
}

// A budget, with the value that it counts where it has one; of a key the name that people gave it.
export function titled(each) {
  return each.value ? `${each.name}: ${each.value_name || each.value}` : each.name;
}
