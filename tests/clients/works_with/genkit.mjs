// Genkit: genkit.mjs generate|stream.
import { googleAI } from "@genkit-ai/google-genai";
import { genkit } from "genkit";

const ai = genkit({ plugins: [googleAI()], model: googleAI.model("gemini-2.5-flash") });
if (process.argv[2] === "stream") {
  const { stream, response } = ai.generateStream("Say hello.");
  for await (const chunk of stream) process.stdout.write(chunk.text);
  console.log((await response).text);
} else {
  console.log((await ai.generate("Say hello.")).text);
}
