// Questions to the server that this page came from, and the stream of what happens.

let session = { role: "viewer", csrf: "", fleet: false };
let node = ""; // whose books are asked for, of a fleet; "" is all nodes'

function query(given) {
  const found = new URLSearchParams(Object.entries({ node, ...given }).filter(([, value]) => value));
  return found.size ? "?" + found : "";
}

// An address of the server, or of a view, about the node that is looked at.
export function address(path, given = {}) {
  return path + query(given);
}

async function get(path, given = {}) {
  return await read(await fetch(address(path, given), { headers: { accept: "application/json" } }));
}

// Why a view has nothing to show: the viewer has gone on to another one before the answer came.
export class Left extends Error {}

let view = 0;

export function enter() {
  view += 1;
}

// For the view that was entered last: an answer that comes after another was entered is no one's.
export async function ask(path, given = {}) {
  const mine = view;
  try {
    return await get(path, given);
  } finally {
    if (mine !== view) throw new Left();
  }
}

export async function change(path, wanted) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-llmcap-csrf": session.csrf },
    body: JSON.stringify(wanted),
  });
  return await read(answer);
}

async function read(answer) {
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(document.error || "the page's server answered " + answer.status);
  return document;
}

export async function begin() {
  session = await get("/api/session");
  return session;
}

export function fleet() {
  return session.fleet;
}

// Look at another node; whether it is another one.
export function choose(wanted) {
  const changed = node !== wanted;
  node = wanted;
  return changed;
}

export function admin() {
  return session.role === "admin";
}

// Calls back with each new document; where there is no stream, as through the proxy, it asks again.
// What it gives ends it.
export function watch(told, lost) {
  let timer = null;
  const source = new EventSource(address("/api/stream"));
  source.addEventListener("now", (event) => told(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED && timer === null) timer = setInterval(again, 2000);
  });
  async function again() {
    try {
      told(await get("/api/now"));
    } catch {
      lost();
    }
  }
  return () => {
    source.close();
    clearInterval(timer);
  };
}
