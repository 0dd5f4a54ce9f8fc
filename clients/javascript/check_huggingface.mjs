// @huggingface/inference with the address of an endpoint
import { InferenceClient } from "@huggingface/inference";
import { API_KEY, BASE_URL, CITY_SCHEMA, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const connect = (key) => new InferenceClient(key, { endpointUrl: BASE_URL.replace(/\/v1$/, "") });
const client = connect(API_KEY);
const asked = (content) => ({ model: MODEL, messages: [{ role: "user", content }] });
const tool = { type: "function", function: { name: "get_weather", description: "Weather.", parameters: CITY_SCHEMA } };

await run({
  chat: async () => (await client.chatCompletion({ ...asked(QUESTION), max_tokens: 20 })).choices[0].message.content,
  stream: async () => {
    let text = "";
    for await (const chunk of client.chatCompletionStream({ ...asked(QUESTION), max_tokens: 20 }))
      text += chunk.choices[0]?.delta.content ?? "";
    return text;
  },
  tools: async () => {
    const response = await client.chatCompletion({ ...asked(WEATHER), tools: [tool], tool_choice: "auto" });
    return JSON.parse(response.choices[0].message.tool_calls[0].function.arguments).city === "Paris";
  },
  structured: async () => {
    const form = { type: "json_schema", json_schema: { name: "person", schema: PERSON_SCHEMA, strict: true } };
    const response = await client.chatCompletion({ ...asked(PERSON), response_format: form });
    return isAda(JSON.parse(response.choices[0].message.content));
  },
  errors: async () =>
    connect("wrong").chatCompletion(asked(QUESTION)).catch((error) => error.httpResponse?.status === 401),
});
