// What an admin changes: a dialog that asks for the amount and the reason, and a way back.

import { change } from "./api.js";
import { el } from "./dom.js";

const dialog = document.getElementById("dialog");
const toast = document.getElementById("toast");
const titles = { raise: "Raise", set: "Set the cap of", pause: "Pause", resume: "Resume", reset: "Reset", close: "Close the breaker of", name: "Name" };
const means = {
  raise: "Adds to the cap, for the window that runs.",
  set: "Is the cap of the window that runs: higher or lower.",
  pause: "Admits nothing under this budget until it is resumed.",
  resume: "Admits calls again.",
  reset: "What the window has spent no longer counts. This cannot be undone.",
  name: "Is shown in reports and here in place of the fingerprint. Left empty, it is taken away.",
  close: "The proxies admit calls again, until it opens by itself.",
};

export function act(verb, each) {
  const name = verb === "name" ? `the key ${each.value}` : each.value ? `${each.name || each.kind}: ${each.value}` : each.name || each.kind;
  const needs = verb === "raise" || verb === "set" || verb === "name";
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const given = el("input", { id: "amount", name: "amount", required: verb !== "name", maxlength: 64, autocomplete: "off", value: verb === "set" ? each.cap : verb === "name" ? each.name || "" : "" });
  const reason = el("input", { id: "reason", name: "reason", required: verb !== "close", maxlength: 200, autocomplete: "off" });
  const form = el("form", { method: "dialog", onsubmit: submit },
    el("h2", { id: "dialog-title" }, `${titles[verb]} ${name}`),
    el("p", { class: "quiet" }, means[verb]),
    needs ? el("div", { class: "field" }, el("label", { for: "amount" }, verb === "name" ? "Name" : each.unit === "usd" ? "Dollars" : each.unit), given) : null,
    verb === "close" ? null : el("div", { class: "field" }, el("label", { for: "reason" }, "Why, for those who read the ledger later"), reason),
    error,
    el("div", { class: "end" },
      el("button", { type: "button", onclick: () => dialog.close() }, "Leave it"),
      el("button", { class: "main", type: "submit" }, titles[verb].split(" ")[0])));
  dialog.replaceChildren(form);
  dialog.showModal();
  (needs ? given : reason).focus();

  async function submit(event) {
    event.preventDefault();
    const wanted = verb === "close" ? { kind: each.kind, value: each.value }
      : verb === "name" ? { key: each.value, name: given.value, reason: reason.value }
      : { do: verb, name: each.name, value: each.value, amount: given.value, reason: reason.value };
    try {
      const done = await change({ close: "/api/breaker", name: "/api/key" }[verb] || "/api/budget", wanted);
      dialog.close();
      tell(done, each, reason.value);
    } catch (failure) {
      error.textContent = failure.message;
      error.hidden = false;
    }
  }
}

function tell(done, each, reason) {
  const undo = done.undo && el("button", { class: "small", type: "button", onclick: async () => {
    toast.hidden = true;
    try {
      const back = done.undo.key ? await change("/api/key", { ...done.undo, reason: "undone: " + reason })
        : await change("/api/budget", { ...done.undo, name: each.name, value: each.value, reason: "undone: " + reason });
      tell({ ...back, undo: null }, each, reason);
    } catch (failure) {
      tell({ done: failure.message, undo: null }, each, reason);
    }
  } }, "Undo");
  toast.replaceChildren(el("span", {}, done.done), undo || "");
  toast.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { toast.hidden = true; }, 12000);
}
