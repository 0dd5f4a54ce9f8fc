// Vercel AI SDK with @ai-sdk/openai-compatible
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, embedMany, generateText, isStepCount, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const provider = createOpenAICompatible({
  name: "service",
  baseURL: BASE_URL,
  apiKey: API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider(MODEL);
const weather = tool({
  description: "Get the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

await run({
  chat: async () => (await generateText({ model, prompt: QUESTION, maxOutputTokens: 20 })).text,
  stream: async () => {
    const result = streamText({ model, prompt: QUESTION, maxOutputTokens: 20 });
    let text = "";
    for await (const part of result.textStream) text += part;
    return (await result.usage).totalTokens && text;
  },
  tools: async () => {
    const stopWhen = (stepCountIs ?? isStepCount)(3);
    const result = await generateText({ model, prompt: WEATHER, tools: { get_weather: weather }, stopWhen });
    return result.text.includes("sunny in Paris");
  },
  structured: async () => {
    const output = Output.object({ schema: z.object({ name: z.string(), age: z.int() }) });
    return isAda((await generateText({ model, prompt: PERSON, output })).output);
  },
  embeddings: async () => {
    const result = await embedMany({ model: provider.embeddingModel(EMBEDDING_MODEL), values: ["a", "b"] });
    return result.embeddings.length === 2;
  },
});
