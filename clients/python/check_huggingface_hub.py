"""huggingface_hub's InferenceClient."""

import json

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, PERSON_SCHEMA, QUESTION, WEATHER, run
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

ADDRESS = BASE_URL.removesuffix("/v1")
client = InferenceClient(base_url=BASE_URL, api_key=API_KEY)
tasks_client = InferenceClient(model=ADDRESS, api_key=API_KEY)
ASKED = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": PARAMETERS}}


def chat():
    return client.chat_completion(ASKED, model=MODEL, max_tokens=20).choices[0].message.content


def stream():
    chunks = client.chat_completion(ASKED, model=MODEL, max_tokens=20, stream=True)
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def tools():
    messages = [{"role": "user", "content": WEATHER}]
    call = client.chat_completion(messages, model=MODEL, tools=[TOOL], tool_choice="required").choices[0].message
    return call.tool_calls[0].function.name == "get_weather"


def structured():
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON_SCHEMA, "strict": True}}
    messages = [{"role": "user", "content": PERSON}]
    text = client.chat_completion(messages, model=MODEL, response_format=form).choices[0].message.content
    return json.loads(text) == ADA


def embeddings():
    embedder = InferenceClient(base_url=f"{ADDRESS}/models/{EMBEDDING_MODEL}", api_key=API_KEY)
    similar = embedder.sentence_similarity("a", ["a", "b"])
    return embedder.feature_extraction(["a", "b"]).shape[0] == 2 and len(similar) == 2


def completions():
    text = tasks_client.text_generation(QUESTION, max_new_tokens=3)
    events = list(tasks_client.text_generation(QUESTION, max_new_tokens=3, details=True, stream=True))
    details = tasks_client.text_generation(QUESTION, max_new_tokens=3, details=True)
    return text and events[-1].generated_text == details.generated_text == text


def tasks():
    """Run the tasks that the service carries out itself; the others raise an error with the reason."""
    label = tasks_client.text_classification("This is 'positive'.", function_to_apply="softmax")[0].label
    summary = tasks_client.summarization("It is a tower. It is tall.", truncation="longest_first").summary_text
    return label == "positive" and summary and all(map(is_refused, UNSUPPORTED))


def is_refused(call):
    try:
        call()
    except HfHubHTTPError as error:
        return error.response.status_code == 501 and "has no pipeline for" in str(error)


UNSUPPORTED = (
    lambda: tasks_client.fill_mask("The [MASK]."),
    lambda: tasks_client.question_answering(question="Who?", context="Ada."),
    lambda: tasks_client.table_question_answering({"city": ["Paris"]}, "Which?"),
    lambda: tasks_client.token_classification("Ada.", aggregation_strategy="simple"),
    lambda: tasks_client.translation("Hello.", src_lang="en", tgt_lang="de"),
    lambda: tasks_client.zero_shot_classification("The sea.", ["sea", "sky"]),
)


def errors():
    wrong = InferenceClient(base_url=BASE_URL, api_key="wrong")
    try:
        wrong.chat_completion(ASKED, model=MODEL)
    except HfHubHTTPError as error:
        return error.response.status_code == 401


run(
    chat=chat,
    stream=stream,
    tools=tools,
    structured=structured,
    embeddings=embeddings,
    tasks=tasks,
    completions=completions,
    errors=errors,
)
