// The page's own API, asked as a browser does: a link that `llmcap dashboard` makes becomes a cookie.

const http = require("node:http");
const { execFile } = require("node:child_process");

const ANSWER_MILLISECONDS = 5000;
const COMMAND_MILLISECONDS = 20000;
const ANSWER_BYTES = 10_000_000;

// Asks one page. `run` gives what a command prints; another one is given in tests.
class Client {
  constructor(command, run = runs) {
    this.command = command;
    this.run = run;
    this.page = null; // { port, cookie, csrf, role }
  }

  // A fresh link to the page, good for a quarter of an hour.
  async link() {
    const [program, ...words] = this.command;
    const printed = await this.run(program, [...words, "dashboard", "--json", "--no-browser"]);
    return JSON.parse(printed).url;
  }

  async now() {
    return await this.get("/api/now");
  }

  async get(path) {
    if (!this.page) await this.begin();
    let answer = await this.ask("GET", path).catch(() => null);
    if (!answer || answer.status === 401) {
      // The proxy was started anew, or the session is too old: once more from the beginning.
      await this.begin();
      answer = await this.ask("GET", path);
    }
    return read(answer);
  }

  // Raise, pause, resume: what the page does, with the reason that stands in the ledger.
  async change(wanted) {
    await this.get("/api/session");
    return read(await this.ask("POST", "/api/budget", wanted));
  }

  async begin() {
    this.page = null;
    const url = new URL(await this.link());
    if (url.hostname !== "127.0.0.1") throw new Error(`the page is at ${url.hostname}, and not on this machine`);
    const page = { port: Number(url.port), cookie: "", csrf: "" };
    const opened = await ask(page, "GET", url.pathname + url.search);
    const [cookie] = opened.headers["set-cookie"] || [];
    if (!cookie) read(opened);
    page.cookie = cookie.split(";")[0];
    Object.assign(page, read(await ask(page, "GET", "/api/session")));
    this.page = page;
  }

  ask(method, path, body) {
    return ask(this.page, method, path, body);
  }
}

function ask(page, method, path, body) {
  const host = `127.0.0.1:${page.port}`;
  const headers = { host, accept: "application/json" };
  if (page.cookie) headers.cookie = page.cookie;
  if (method === "POST") Object.assign(headers, { "origin": `http://${host}`, "x-llmcap-csrf": page.csrf, "content-type": "application/json" });
  return new Promise((resolve, reject) => {
    // An agent of its own: nothing of the editor's proxy settings is meant for this address.
    const agent = new http.Agent();
    const request = http.request({ host: "127.0.0.1", port: page.port, method, path, headers, agent, timeout: ANSWER_MILLISECONDS }, (answer) => {
      const parts = [];
      let size = 0;
      answer.on("data", (part) => {
        size += part.length;
        if (size > ANSWER_BYTES) request.destroy(new Error("the answer is too large"));
        parts.push(part);
      });
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString("utf8") }));
    });
    request.on("timeout", () => request.destroy(new Error("the page does not answer")));
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

// The document of an answer; what went wrong is thrown in the page's own sentence.
function read(answer) {
  let document = {};
  try {
    document = JSON.parse(answer.text);
  } catch {
    document = { error: `the page answered ${answer.status}` };
  }
  if (answer.status !== 200) throw new Error(document.error || `the page answered ${answer.status}`);
  return document;
}

function runs(program, words) {
  return new Promise((resolve, reject) => {
    execFile(program, words, { timeout: COMMAND_MILLISECONDS, windowsHide: true }, (error, out, said) => {
      if (!error) resolve(out);
      else if (error.code === "ENOENT") reject(new Error(`there is no program ${program}: name it in the setting llmcap.command`));
      else reject(new Error(said.trim().split("\n")[0] || error.message));
    });
  });
}

module.exports = { Client };
