// LLMCap in the status bar, and three commands. It asks the page of `llmcap up`, on this machine.

const vscode = require("vscode");
const { Client } = require("./client");
const words = require("./words");

const COLOURS = { ok: undefined, low: "statusBarItem.warningBackground", gone: "statusBarItem.errorBackground" };

let timer;

function activate(context) {
  const item = vscode.window.createStatusBarItem("llmcap.status", vscode.StatusBarAlignment.Right, 50);
  item.name = "LLMCap";
  item.command = "llmcap.open";
  item.text = "$(shield) LLMCap";
  item.show();
  let client = new Client(setting("command"));
  let busy = false;

  async function look() {
    if (busy) return;
    busy = true;
    try {
      show(item, await client.now());
    } catch (error) {
      item.text = "$(shield) LLMCap off";
      item.backgroundColor = undefined;
      item.tooltip = error.message;
    } finally {
      busy = false;
    }
  }

  function begin() {
    clearInterval(timer);
    client = new Client(setting("command"));
    timer = setInterval(look, Math.max(1, setting("seconds")) * 1000);
    return look();
  }

  const command = (name, step) => vscode.commands.registerCommand(name, async () => {
    try {
      await step(client);
    } catch (error) {
      vscode.window.showErrorMessage(`LLMCap: ${error.message}`);
    }
    await look();
  });
  context.subscriptions.push(
    item,
    command("llmcap.open", open),
    command("llmcap.raise", raise),
    command("llmcap.pause", pause),
    vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("llmcap") && begin()),
    { dispose: deactivate });
  return begin();
}

function deactivate() {
  clearInterval(timer);
}

function setting(name) {
  return vscode.workspace.getConfiguration("llmcap").get(name);
}

function show(item, document) {
  const level = words.level(words.nearest(document.budgets), setting("warnAt"));
  item.text = words.text(document);
  item.tooltip = new vscode.MarkdownString(words.tooltip(document));
  item.backgroundColor = COLOURS[level] && new vscode.ThemeColor(COLOURS[level]);
}

async function open(client) {
  await vscode.env.openExternal(vscode.Uri.parse(await client.link()));
}

async function raise(client) {
  const budget = await chosen(client, "Which budget is to be raised?");
  if (!budget) return;
  const amount = await vscode.window.showInputBox({
    title: `Raise ${words.title(budget)}`, prompt: budget.unit === "usd" ? "By how many dollars, for the window that runs?" : `By how many ${budget.unit}?`,
  });
  if (!amount) return;
  const more = budget.unit === "usd" ? `$${amount.replace(/^\$/, "")}` : amount;
  await confirmed(client, budget, { do: "raise", amount }, `Raise ${words.title(budget)} by ${more}? It has spent ${words.amount(budget.spent, budget.unit)} of ${words.amount(budget.cap, budget.unit)}.`, "Raise");
}

async function pause(client) {
  const budget = await chosen(client, "Which budget is to be paused or resumed?");
  if (!budget) return;
  const verb = budget.paused ? "resume" : "pause";
  const said = budget.paused ? `Resume ${budget.name}? Calls are admitted again.` : `Pause ${budget.name}? No call under it is admitted until it is resumed.`;
  await confirmed(client, budget, { do: verb }, said, budget.paused ? "Resume" : "Pause");
}

async function chosen(client, title) {
  const { budgets } = await client.now();
  if (!budgets.length) throw new Error("nothing is capped");
  const picks = budgets.map((budget) => ({
    label: words.title(budget), description: `${words.amount(budget.left, budget.unit)} left of ${words.amount(budget.cap, budget.unit)}`, budget,
  }));
  const picked = await vscode.window.showQuickPick(picks, { title });
  return picked && picked.budget;
}

async function confirmed(client, budget, wanted, question, button) {
  if ((await vscode.window.showWarningMessage(question, { modal: true }, button)) !== button) return;
  const done = await client.change({ ...wanted, name: budget.name, value: budget.value, reason: "from VS Code" });
  vscode.window.showInformationMessage(`LLMCap: ${done.done}`);
}

module.exports = { activate, deactivate };
