// The extension against a real page: LLMCAP_COMMAND says how `llmcap` is called, as JSON, and a proxy
// stands there. Without it, only what needs no page is tried.

const test = require("node:test");
const assert = require("node:assert");
const { made, extension } = require("./vscode");

const command = JSON.parse(process.env.LLMCAP_COMMAND || "null");
const settings = { command, seconds: 3600, warnAt: 80 };
const real = { skip: command ? false : "LLMCAP_COMMAND names no llmcap" };

async function begun(answers, given = settings) {
  const stage = made(given, answers);
  const its = extension(stage.vscode);
  await its.activate({ subscriptions: [] });
  its.deactivate();
  return { ...stage, item: stage.items[0] };
}

test("without the program the bar says so, and the tooltip what to do", async () => {
  const { item } = await begun({}, { ...settings, command: ["no-such-llmcap"] });
  assert.equal(item.text, "$(shield) LLMCap off");
  assert.match(item.tooltip, /no program no-such-llmcap: name it in the setting llmcap\.command/);
});

test("the bar shows the proxy's budget", real, async () => {
  const { item } = await begun({});
  assert.match(item.text, /^\$\(shield\) \$\d+\.\d+ spent, \$\d+\.\d+ left \((everything|each: \S+)\)$/);
  assert.match(item.tooltip.value, /\| everything \|/);
  assert.equal(item.tooltip.isTrusted, undefined);
});

test("the page is opened by a link of its own", real, async () => {
  const { commands, opened } = await begun({});
  await commands["llmcap.open"]();
  assert.match(opened[0], /^http:\/\/127\.0\.0\.1:\d+\/\?token=/);
});

test("a budget is raised when that was confirmed, and not before", real, async () => {
  const pick = (picks) => picks.find((each) => each.label === "everything");
  const left = (stage) => stage.item.tooltip.value.split("\n").find((line) => line.startsWith("| everything"));
  const before = await begun({ pick, input: "2", warning: undefined });
  await before.commands["llmcap.raise"]();
  assert.equal(left(before), left(await begun({})));
  const after = await begun({ pick, input: "2", warning: "Raise" });
  await after.commands["llmcap.raise"]();
  assert.notEqual(left(after), left(before));
  assert.match(after.shown.find(([kind]) => kind === "information")[1], /raised by \$2\.00 on the page \(from VS Code\)/);
  const wrong = await begun({ pick, input: "lots", warning: "Raise" });
  await wrong.commands["llmcap.raise"]();
  assert.match(wrong.shown.find(([kind]) => kind === "error")[1], /'lots'/);
});

test("a budget is paused and resumed", real, async () => {
  const pick = (picks) => picks.find((each) => each.label === "everything");
  const stage = await begun({ pick, warning: (text, options, button) => button });
  await stage.commands["llmcap.pause"]();
  assert.match(stage.item.text, /everything paused/);
  assert.equal(stage.item.backgroundColor.id, "statusBarItem.errorBackground");
  await stage.commands["llmcap.pause"]();
  assert.match(stage.item.text, /spent/);
});
