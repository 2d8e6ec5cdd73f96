// Codex's SDK for Node, which brings Codex along.
import { Codex } from "@openai/codex-sdk";

const thread = new Codex().startThread({ model: "gpt-4o-mini", skipGitRepoCheck: true });
console.log((await thread.run("Say hello.")).finalResponse);
