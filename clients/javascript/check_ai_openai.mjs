// Vercel AI SDK with @ai-sdk/openai, whose models use the Responses API
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateObject, generateText, isStepCount, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { API_KEY, BASE_URL, MODEL, PERSON, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const model = createOpenAI({ baseURL: BASE_URL, apiKey: API_KEY })(MODEL);
const weather = tool({
  description: "Get the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});
const tools = { get_weather: weather };
const stopWhen = (stepCountIs ?? isStepCount)(3);
const schema = z.object({ name: z.string(), age: z.int() });

await run({
  chat: async () => {
    const first = await generateText({ model, prompt: QUESTION, maxOutputTokens: 20 });
    // without `store: false` it refers to the first answer in place of sending it again
    const providerOptions = { openai: { store: false } };
    const question = { role: "user", content: QUESTION };
    const messages = [question, ...first.response.messages, question];
    const second = await generateText({ model, messages, providerOptions, maxOutputTokens: 20 });
    return first.text && second.text;
  },
  stream: async () => {
    const result = streamText({ model, prompt: QUESTION, maxOutputTokens: 20 });
    let text = "";
    for await (const part of result.textStream) text += part;
    return (await result.usage).totalTokens && text;
  },
  tools: async () => {
    const whole = await generateText({ model, prompt: WEATHER, tools, stopWhen });
    const streamed = streamText({ model, prompt: WEATHER, tools, stopWhen });
    return whole.text.includes("sunny in Paris") && (await streamed.text).includes("sunny in Paris");
  },
  structured: async () => {
    const byOutput = (await generateText({ model, prompt: PERSON, output: Output.object({ schema }) })).output;
    return isAda(byOutput) && isAda((await generateObject({ model, prompt: PERSON, schema })).object);
  },
});
