// langchain for JavaScript: ChatOpenAI and OpenAIEmbeddings
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const server = { apiKey: API_KEY, configuration: { baseURL: BASE_URL } };
const model = new ChatOpenAI({ ...server, model: MODEL, maxTokens: 40 });
const weather = tool(({ city }) => `sunny in ${city}`, {
  name: "get_weather",
  description: "Get the weather of a city.",
  schema: z.object({ city: z.string() }),
});

await run({
  chat: async () => (await model.invoke(QUESTION)).content,
  stream: async () => {
    let text = "";
    for await (const chunk of await model.stream(QUESTION)) text += chunk.content;
    return text;
  },
  tools: async () => (await model.bindTools([weather]).invoke(WEATHER)).tool_calls[0].args.city === "Paris",
  structured: async () => {
    const schema = z.object({ name: z.string(), age: z.number().int() });
    return isAda(await model.withStructuredOutput(schema, { method: "jsonSchema" }).invoke(PERSON));
  },
  embeddings: async () => {
    const embedder = new OpenAIEmbeddings({ ...server, model: EMBEDDING_MODEL });
    return (await embedder.embedDocuments(Array(40).fill("word ".repeat(200)))).length === 40;
  },
});
