const test = require("node:test");
const assert = require("node:assert");
const words = require("../words");

const budget = (more) => ({ name: "all", value: "", unit: "usd", mode: "enforce", cap: "10", spent: "1", held: "0", left: "9", paused: false, ...more });
const now = (more) => ({ budgets: [], in_flight: [], refused: [], waiting: [], held_usd: "0", burn_usd: "0.012", ...more });

test("the budget of which the least is left stands in the bar", () => {
  const budgets = [budget(), budget({ name: "day", spent: "4", held: "4.5", left: "1.5" }), budget({ name: "seen", spent: "99", mode: "watch" })];
  assert.equal(words.text(now({ budgets })), "$(shield) $4.00 spent, $1.50 left (day)");
  assert.equal(words.text(now({ budgets: [budget()] })), "$(shield) $1.00 spent, $9.00 left");
  assert.equal(words.text(now()), "$(shield) LLMCap: no cap");
  assert.match(words.text(now({ budgets: [...budgets, budget({ name: "night", paused: true })] })), /night paused/);
});

test("the colour goes by the share that is gone", () => {
  assert.equal(words.level(budget(), 80), "ok");
  assert.equal(words.level(budget({ spent: "8" }), 80), "low");
  assert.equal(words.level(budget({ spent: "9", held: "1" }), 80), "gone");
  assert.equal(words.level(budget({ cap: "0.8", spent: "0.7", held: "0.1", left: "0" }), 80), "gone");
  assert.equal(words.level(budget({ paused: true }), 80), "gone");
  assert.equal(words.level(budget({ cap: "0" }), 80), "gone");
  assert.equal(words.level(null, 80), "ok");
});

test("the tooltip has budgets, burn, flight and refusals", () => {
  const refused = [{ model: "gpt-5", note: "refused by all" }];
  const said = words.tooltip(now({ budgets: [budget({ value: "k", value_name: "ci" })], refused, waiting: [{}] }));
  assert.match(said, /\| all\\: ci \| \$1\.00 \| \$0\.00 \| \$9\.00 \| \$10\.00 \|/);
  assert.match(said, /\$0\.01 a minute · 0 in flight, \$0\.00 held · 1 waiting · 1 refused/);
  assert.match(said, /Last refused: gpt\\-5, refused by all/);
});

test("a name that a client made up is no markup", () => {
  const value = "[x](command:evil) | <img src=x> $(bug) `a`\nb";
  assert.ok(!words.text(now({ budgets: [budget({ value, paused: true })] })).includes("$(bug"));
  const said = words.tooltip(now({ budgets: [budget({ value })] }));
  assert.ok(!/(^|[^\\])[[\](<]|(^|[^\\])\$\(/.test(said.split("\n").find((line) => line.includes("evil")).replace(/\$\d/g, "")));
  assert.equal(said.split("\n").filter((line) => line.startsWith("|")).length, 3);
});

test("amounts keep the digits that matter", () => {
  for (const [value, shown] of [["0", "$0.00"], ["5", "$5.00"], ["1.999", "$1.99"], ["0.00003135", "$0.000031"], ["0.5", "$0.50"]]) {
    assert.equal(words.amount(value, "usd"), shown);
  }
  assert.equal(words.amount(1200, "requests"), "1,200 requests");
});
