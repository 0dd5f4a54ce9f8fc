"""langchain-ollama: ChatOllama, OllamaEmbeddings and an agent."""

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from langchain.agents import create_agent
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from ollama import ResponseError
from person import Person

SERVER = {
    "base_url": BASE_URL.removesuffix("/v1"),
    "client_kwargs": {"headers": {"Authorization": f"Bearer {API_KEY}"}},
}
model = ChatOllama(model=MODEL, num_predict=40, validate_model_on_init=True, **SERVER)


def chat():
    return model.invoke(QUESTION).content


def stream():
    return "".join(chunk.content for chunk in model.stream(QUESTION))


def tools():
    agent = create_agent(model, [get_weather])
    return "sunny in Paris" in agent.invoke({"messages": [("user", WEATHER)]})["messages"][-1].content


def structured():
    return model.with_structured_output(Person).invoke(PERSON) == Person(**ADA)


def embeddings():
    return len(OllamaEmbeddings(model=EMBEDDING_MODEL, **SERVER).embed_documents(["word " * 200] * 40)) == 40


def completions():
    return OllamaLLM(model=MODEL, num_predict=5, **SERVER).invoke(QUESTION)


def errors():
    wrong = {**SERVER, "client_kwargs": {"headers": {"Authorization": "Bearer wrong"}}}
    try:
        ChatOllama(model=MODEL, **wrong).invoke(QUESTION)
    except ResponseError as error:
        return error.status_code == 401


run(
    chat=chat,
    stream=stream,
    tools=tools,
    structured=structured,
    embeddings=embeddings,
    completions=completions,
    errors=errors,
)
