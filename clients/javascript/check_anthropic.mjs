// @anthropic-ai/sdk for JavaScript
import Anthropic, { AuthenticationError } from "@anthropic-ai/sdk";
import { API_KEY, BASE_URL, CITY_SCHEMA, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const baseURL = BASE_URL.replace(/\/v1$/, "");
const client = new Anthropic({ baseURL, apiKey: API_KEY });
const asked = (content) => ({ model: MODEL, max_tokens: 20, messages: [{ role: "user", content }] });
const tool = { name: "get_weather", input_schema: CITY_SCHEMA };

await run({
  chat: async () => (await client.messages.create(asked(QUESTION))).content[0].text,
  stream: async () => {
    let text = "";
    const events = client.messages.stream(asked(QUESTION)).on("text", (part) => (text += part));
    const message = await events.finalMessage();
    return text === message.content[0].text && message.usage.input_tokens && text;
  },
  tools: async () => {
    const first = await client.messages.stream({ ...asked(WEATHER), tools: [tool] }).finalMessage();
    const [use] = first.content;
    const messages = [
      ...asked(WEATHER).messages,
      { role: "assistant", content: first.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: `sunny in ${use.input.city}` }] },
    ];
    const second = await client.messages.create({ ...asked(WEATHER), messages, tools: [tool] });
    return first.stop_reason === "tool_use" && second.content[0].text.includes("sunny in Paris");
  },
  structured: async () => {
    const format = { type: "json_schema", schema: PERSON_SCHEMA };
    const response = await client.messages.create({ ...asked(PERSON), output_config: { format } });
    return isAda(JSON.parse(response.content[0].text));
  },
  counts: async () => (await client.messages.countTokens({ model: MODEL, messages: asked(QUESTION).messages })).input_tokens > 1,
  errors: async () => {
    const wrong = new Anthropic({ baseURL, apiKey: "wrong" });
    return wrong.messages.create(asked(QUESTION)).catch((error) => error instanceof AuthenticationError && error.requestID);
  },
});
