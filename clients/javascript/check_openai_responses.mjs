// openai for JavaScript: client.responses
import OpenAI, { AuthenticationError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { API_KEY, BASE_URL, CITY_SCHEMA, MODEL, PERSON, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const asked = (input) => ({ model: MODEL, input });
const tool = { type: "function", name: "get_weather", parameters: CITY_SCHEMA, strict: false };

await run({
  chat: async () => (await client.responses.create({ ...asked(QUESTION), max_output_tokens: 20 })).output_text,
  stream: async () => {
    let text = "";
    const stream = client.responses.stream({ ...asked(QUESTION), max_output_tokens: 20 });
    for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    return (await stream.finalResponse()).output_text === text && text;
  },
  tools: async () => {
    const input = [{ role: "user", content: WEATHER }];
    const first = await client.responses.create({ ...asked(input), tools: [tool] });
    const call = first.output.find((item) => item.type === "function_call");
    input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output: "sunny" });
    const second = await client.responses.create({ ...asked(input), tools: [tool] });
    return JSON.parse(call.arguments).city === "Paris" && second.output_text.includes("sunny");
  },
  structured: async () => {
    const format = zodTextFormat(z.object({ name: z.string(), age: z.int() }), "person");
    return isAda((await client.responses.parse({ ...asked(PERSON), text: { format } })).output_parsed);
  },
  errors: async () => {
    const wrong = new OpenAI({ baseURL: BASE_URL, apiKey: "wrong" });
    return wrong.responses.create(asked(QUESTION)).catch((error) => error instanceof AuthenticationError);
  },
});
