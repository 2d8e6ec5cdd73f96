// The package `chatgpt`.
import { ChatGPTAPI } from "chatgpt";

const api = new ChatGPTAPI({ apiKey: "sk-fake", completionParams: { model: "gpt-4o-mini" } });
console.log((await api.sendMessage("Say hello.")).text);
