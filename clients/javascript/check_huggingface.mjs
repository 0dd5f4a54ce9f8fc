// @huggingface/inference with the address of an endpoint
import { InferenceClient } from "@huggingface/inference";
import { API_KEY, BASE_URL, CITY_SCHEMA, EMBEDDING_MODEL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, isAda, run } from "./checks.mjs";

const ADDRESS = BASE_URL.replace(/\/v1$/, "");
const connect = (key, path = "") => new InferenceClient(key, { endpointUrl: ADDRESS + path });
const client = connect(API_KEY);
const asked = (content) => ({ model: MODEL, messages: [{ role: "user", content }] });
const tool = { type: "function", function: { name: "get_weather", description: "Weather.", parameters: CITY_SCHEMA } };

const task = (name) => connect(API_KEY, `/models/default/pipeline/${name}`);
const isRefused = (call) => call.then(() => false, (error) => error.httpResponse?.status === 501);
const inputs = "Ada wrote it.";

await run({
  embeddings: async () => {
    const embedder = connect(API_KEY, `/models/${EMBEDDING_MODEL}/pipeline/feature-extraction`);
    const comparer = connect(API_KEY, `/models/${EMBEDDING_MODEL}`);
    const vector = await embedder.featureExtraction({ inputs });
    const similar = await comparer.sentenceSimilarity({ inputs: { source_sentence: "a", sentences: ["a", "b"] } });
    return vector.length > 1 && similar.length === 2;
  },
  completions: async () => {
    const args = { inputs: QUESTION, parameters: { max_new_tokens: 3 } };
    const whole = (await client.textGeneration(args)).generated_text;
    let text = "";
    // the library asks for completions, so the chunks are theirs
    for await (const chunk of client.textGenerationStream(args)) text += chunk.choices[0]?.text ?? "";
    return whole && text === whole;
  },
  tasks: async () => {
    const [label] = await task("text-classification").textClassification({ inputs: "This is 'positive'." });
    const summary = await task("summarization").summarization({ inputs: "It is a tower. It is tall." });
    const refused = await Promise.all([
      isRefused(client.fillMask({ inputs: "The [MASK]." })),
      isRefused(client.questionAnswering({ inputs: { question: "Who?", context: "Ada." } })),
      isRefused(client.tableQuestionAnswering({ inputs: { query: "Which?", table: { city: ["Paris"] } } })),
      isRefused(task("token-classification").tokenClassification({ inputs })),
      isRefused(task("translation").translation({ inputs })),
      isRefused(client.zeroShotClassification({ inputs, parameters: { candidate_labels: ["sea", "sky"] } })),
    ]);
    return label.label === "positive" && summary.summary_text && refused.every(Boolean);
  },
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
