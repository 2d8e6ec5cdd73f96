// llm-exe: llm_exe.mjs openai|anthropic|google.
import { createChatPrompt, createLlmExecutor, createParser, useLlm } from "llm-exe";

const model = {
  openai: ["openai.chat.v1", "gpt-4o-mini"], anthropic: ["anthropic.chat.v1", "claude-haiku-4-5"],
  google: ["google.chat.v1", "gemini-2.5-flash"],
}[process.argv[2]];
const llm = useLlm(model[0], { model: model[1] });
const prompt = createChatPrompt("Say hello.");
console.log(await createLlmExecutor({ llm, prompt, parser: createParser("string") }).execute({}));
