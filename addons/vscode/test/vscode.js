// The part of VS Code's API that the extension uses, as a module that tests put in its place.

const Module = require("node:module");

class MarkdownString {
  constructor(value) {
    this.value = value;
    this.isTrusted = undefined;
  }
}

class ThemeColor {
  constructor(id) {
    this.id = id;
  }
}

// A window in which somebody has decided beforehand what they answer.
function made(settings, answers = {}) {
  const items = [], commands = {}, shown = [], opened = [];
  const ask = (kind) => async (...given) => {
    shown.push([kind, ...given]);
    const answer = answers[kind];
    return typeof answer === "function" ? answer(...given) : answer;
  };
  const vscode = {
    MarkdownString, ThemeColor,
    StatusBarAlignment: { Right: 2 },
    Uri: { parse: (text) => text },
    env: { openExternal: async (url) => opened.push(url) },
    workspace: {
      getConfiguration: () => ({ get: (name) => settings[name] }),
      onDidChangeConfiguration: () => ({ dispose() {} }),
    },
    window: {
      createStatusBarItem: () => {
        const item = { show() {}, dispose() {} };
        items.push(item);
        return item;
      },
      showQuickPick: ask("pick"), showInputBox: ask("input"), showWarningMessage: ask("warning"),
      showInformationMessage: ask("information"), showErrorMessage: ask("error"),
    },
    commands: {
      registerCommand: (name, step) => {
        commands[name] = step;
        return { dispose() {} };
      },
    },
  };
  return { vscode, items, commands, shown, opened };
}

// The extension with that module in the place of VS Code's.
function extension(vscode) {
  const load = Module._load;
  Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));
  try {
    delete require.cache[require.resolve("../extension")];
    return require("../extension");
  } finally {
    Module._load = load;
  }
}

module.exports = { made, extension };
