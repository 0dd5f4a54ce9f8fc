// openai for JavaScript
import OpenAI, { AuthenticationError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { API_KEY, BASE_URL, CITY_SCHEMA, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const asked = (content) => ({ model: MODEL, messages: [{ role: "user", content }] });
const tool = { type: "function", function: { name: "get_weather", parameters: CITY_SCHEMA } };

await run({
  chat: async () => (await client.chat.completions.create({ ...asked(QUESTION), max_tokens: 20 })).choices[0].message.content,
  stream: async () => {
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...asked(QUESTION), max_tokens: 20, stream: true }))
      text += chunk.choices[0]?.delta.content ?? "";
    return text;
  },
  tools: async () => {
    const response = await client.chat.completions.create({ ...asked(WEATHER), tools: [tool] });
    return JSON.parse(response.choices[0].message.tool_calls[0].function.arguments).city === "Paris";
  },
  structured: async () => {
    const form = zodResponseFormat(z.object({ name: z.string(), age: z.int() }), "person");
    const response = await client.chat.completions.parse({ ...asked(PERSON), response_format: form });
    return isAda(response.choices[0].message.parsed);
  },
  embeddings: async () => (await client.embeddings.create({ model: EMBEDDING_MODEL, input: ["a", "b"] })).data.length === 2,
  completions: async () => (await client.completions.create({ model: MODEL, prompt: "Once", max_tokens: 5 })).choices[0].text,
  models: async () => (await client.models.list()).data.some((model) => model.id === MODEL),
  errors: async () => {
    const wrong = new OpenAI({ baseURL: BASE_URL, apiKey: "wrong" });
    return wrong.chat.completions.create(asked(QUESTION)).catch((error) => error instanceof AuthenticationError);
  },
});
