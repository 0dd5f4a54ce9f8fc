"""langchain for Python: ChatOpenAI, OpenAIEmbeddings and an agent."""

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from person import Person

model = ChatOpenAI(base_url=BASE_URL, api_key=API_KEY, model=MODEL, max_tokens=40)


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
    options = {"check_embedding_ctx_length": False}  # its tokenizer is downloaded
    embedder = OpenAIEmbeddings(base_url=BASE_URL, api_key=API_KEY, model=EMBEDDING_MODEL, **options)
    return len(embedder.embed_documents(["word " * 200] * 40)) == 40


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings)
