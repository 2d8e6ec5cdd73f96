// TanStack AI: tanstack.mjs, a stream of OpenAI's.
import { chat } from "@tanstack/ai";
import { openaiText } from "@tanstack/ai-openai";

for await (const part of chat({ adapter: openaiText("gpt-4o-mini"), messages: [{ role: "user", content: "Say hello." }] })) {
  console.log(JSON.stringify(part));
  if (part.type === "RUN_ERROR") process.exitCode = 1;
}
