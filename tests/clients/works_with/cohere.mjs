// Cohere's package for Node: cohere.mjs whole|stream.
import { CohereClientV2 } from "cohere-ai";

const cohere = new CohereClientV2({ token: "fake" });
const asked = { model: "command-a-03-2025", messages: [{ role: "user", content: "Say hello." }] };
if (process.argv[2] === "stream") {
  for await (const part of await cohere.chatStream(asked)) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(await cohere.chat(asked)));
}
