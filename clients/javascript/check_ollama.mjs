// ollama for JavaScript
import { Ollama } from "ollama";
import { API_KEY, BASE_URL, CITY_SCHEMA, EMBEDDING_MODEL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const host = BASE_URL.replace(/\/v1$/, "");
const client = new Ollama({ host, headers: { Authorization: `Bearer ${API_KEY}` } });
const options = { num_predict: 20 };
const asked = (content) => ({ model: MODEL, messages: [{ role: "user", content }] });
const tool = { type: "function", function: { name: "get_weather", description: "Get the weather.", parameters: CITY_SCHEMA } };

await run({
  chat: async () => (await client.chat({ ...asked(QUESTION), options })).message.content,
  stream: async () => {
    let text = "";
    let last;
    for await (const part of await client.chat({ ...asked(QUESTION), options, stream: true })) {
      text += part.message.content;
      last = part;
    }
    return last.done && last.eval_count && text;
  },
  tools: async () => {
    const { message } = await client.chat({ ...asked(WEATHER), tools: [tool] });
    const { name, arguments: given } = message.tool_calls[0].function;
    const result = { role: "tool", tool_name: name, content: `sunny in ${given.city}` };
    const messages = [...asked(WEATHER).messages, message, result];
    const answer = await client.chat({ model: MODEL, messages, tools: [tool] });
    return answer.message.content.includes("sunny in Paris");
  },
  structured: async () => isAda(JSON.parse((await client.chat({ ...asked(PERSON), format: PERSON_SCHEMA })).message.content)),
  embeddings: async () => (await client.embed({ model: EMBEDDING_MODEL, input: ["a", "b"] })).embeddings.length === 2,
  completions: async () => (await client.generate({ model: MODEL, prompt: QUESTION, options })).response,
  models: async () => (await client.list()).models.some((one) => one.name === MODEL) && (await client.show({ model: MODEL })).capabilities,
  errors: async () => {
    const wrong = new Ollama({ host, headers: { Authorization: "Bearer wrong" } });
    return wrong.chat(asked(QUESTION)).catch((error) => error.name === "ResponseError" && error.status_code === 401);
  },
});
