// LangChain in JavaScript: langchain.mjs invoke|stream openai|google.
import { ChatGoogleGenerativeAI } from "@langchain/google-genai";
import { ChatOpenAI } from "@langchain/openai";

const [how, provider] = process.argv.slice(2);
const model = provider === "google"
  ? new ChatGoogleGenerativeAI({ model: "gemini-2.5-flash" })
  : new ChatOpenAI({ model: "gpt-4o-mini" });

if (how === "stream") {
  for await (const chunk of await model.stream("Say hello.")) process.stdout.write(String(chunk.content));
} else {
  console.log((await model.invoke("Say hello.")).content);
}
