"""haystack: OpenAIChatGenerator, an agent and OpenAIDocumentEmbedder."""

from typing import Annotated

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, run
from haystack import Document
from haystack.components.agents import Agent
from haystack.components.embedders import OpenAIDocumentEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from haystack.utils import Secret
from person import Person

SERVER = {"api_base_url": BASE_URL, "api_key": Secret.from_token(API_KEY)}


@tool
def get_weather(city: Annotated[str, "a city"]) -> str:
    """Get the weather of a city."""
    return f"sunny in {city}"


def generator(**options):
    return OpenAIChatGenerator(model=MODEL, **SERVER, generation_kwargs={"max_tokens": 40, **options})


def ask(text, **options):
    return generator(**options).run([ChatMessage.from_user(text)])["replies"][0].text


def chat():
    return ask(QUESTION)


def stream():
    chunks = []
    options = {"streaming_callback": chunks.append, "generation_kwargs": {"max_tokens": 20}}
    reply = OpenAIChatGenerator(model=MODEL, **SERVER, **options).run([ChatMessage.from_user(QUESTION)])["replies"][0]
    return reply.text == "".join(chunk.content for chunk in chunks) != ""


def tools():
    agent = Agent(chat_generator=generator(), tools=[get_weather])
    return "sunny in Paris" in agent.run(messages=[ChatMessage.from_user(WEATHER)])["last_message"].text


def structured():
    return Person.model_validate_json(ask(PERSON, response_format=Person)) == Person(**ADA)


def embeddings():
    documents = [Document(content="word " * 200 + str(index)) for index in range(40)]
    embedder = OpenAIDocumentEmbedder(model=EMBEDDING_MODEL, progress_bar=False, raise_on_failure=True, **SERVER)
    return all(document.embedding for document in embedder.run(documents)["documents"])


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings)
