// Google's first package for Node: google_generative_ai.mjs whole|stream.
import { GoogleGenerativeAI } from "@google/generative-ai";

const model = new GoogleGenerativeAI(process.env.GEMINI_API_KEY).getGenerativeModel({ model: "gemini-2.5-flash" });
if (process.argv[2] === "stream") {
  const { stream } = await model.generateContentStream("Say hello.");
  for await (const part of stream) console.log(part.text());
} else {
  console.log((await model.generateContent("Say hello.")).response.text());
}
