// Elements from data. Text is always text: what a client made up is never read as markup.

export function el(name, given = {}, ...children) {
  const node = name === "svg" || name === "rect"
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : plain(String(child)))));
  return node;
}

// A text in which nothing turns the direction of what follows: a name could look like another one.
export function plain(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (each) => "\\u" + each.codePointAt(0).toString(16).padStart(4, "0"));
}

// A bar of parts, each [class, share from 0 to 1]: drawn by attributes, as styles of elements are barred.
export function meter(parts, label) {
  let at = 0;
  const rects = parts.map(([name, share]) => {
    const width = Math.max(0, Math.min(100 - at, share * 100));
    const rect = el("rect", { class: name, x: at, y: 0, width, height: 10 });
    at += width;
    return rect;
  });
  return el("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": label }, rects);
}

export function share(part) {
  const width = Math.max(0, Math.min(100, part * 100));
  return el("svg", { class: "share", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    el("rect", { x: 0, y: 0, width, height: 4, rx: 1 }));
}

export function table(heads, rows, label) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, heads.map(([text, name]) => el("th", { class: name, scope: "col" }, text)))),
      el("tbody", {}, rows)));
}

export function cell(text, name) {
  return el("td", { class: name }, text);
}

export function empty(text, code) {
  return el("p", { class: "empty" }, text, code ? " " : "", code ? el("code", {}, code) : "");
}
