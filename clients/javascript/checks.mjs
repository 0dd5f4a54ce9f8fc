// Runs the checks of one client and prints their results as one line of JSON; the variables are those of checks.py.

export const { BASE_URL, API_KEY, MODEL, EMBEDDING_MODEL } = process.env;
export const QUESTION = "Please say hello.";
export const WEATHER = "What is the weather in 'Paris'?";
export const PERSON = "Give me a person named 'Ada', aged 36.";
export const CITY_SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const PERSON_SCHEMA = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};

export const isAda = (person) => person.name === "Ada" && person.age === 36;

export async function run(checks) {
  const results = {};
  for (const name of Object.keys(checks).filter((one) => process.env.CHECKS.split(",").includes(one))) {
    try {
      const value = await checks[name]();
      results[name] = value ? "ok" : `unexpected result: ${JSON.stringify(value)}`;
    } catch (error) {
      console.error(error);
      results[name] = `${error.name}: ${error.message}`.slice(0, 600);
    }
  }
  console.log(`\n${JSON.stringify(results)}`);
  process.exit(0);
}
