// Questions to the server that this page came from, and the stream of what happens.

let session = { role: "viewer", csrf: "" };

export async function ask(path, given = {}) {
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  const answer = await fetch(path + (query.size ? "?" + query : ""), { headers: { accept: "application/json" } });
  return await read(answer);
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
  session = await ask("/api/session");
  return session;
}

export function admin() {
  return session.role === "admin";
}

// Calls back with each new document; where there is no stream, as through the proxy, it asks again.
export function watch(told, lost) {
  let timer = null;
  const source = new EventSource("/api/stream");
  source.addEventListener("now", (event) => told(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED && timer === null) timer = setInterval(again, 2000);
  });
  async function again() {
    try {
      told(await ask("/api/now"));
    } catch {
      lost();
    }
  }
}
