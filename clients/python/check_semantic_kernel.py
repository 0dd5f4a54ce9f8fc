"""semantic-kernel: OpenAIChatCompletion around AsyncOpenAI."""

import asyncio

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, run
from openai import AsyncOpenAI
from person import Person
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
    OpenAITextEmbedding,
)
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function


class Weather:
    @kernel_function(description="Get the weather of a city.")
    def get_weather(self, city: str) -> str:
        return f"sunny in {city}"


def openai():
    return AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY)


def history(text):
    asked = ChatHistory()
    asked.add_user_message(text)
    return asked


def ask(text, kernel=None, **options):
    service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=openai())
    settings = OpenAIChatPromptExecutionSettings(max_tokens=40, **options)
    asking = service.get_chat_message_content(history(text), settings, kernel=kernel)
    return str(asyncio.run(asking))


def chat():
    return ask(QUESTION)


def stream():
    async def collect():
        service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=openai())
        settings = OpenAIChatPromptExecutionSettings(max_tokens=20)
        return [str(one) async for one in service.get_streaming_chat_message_content(history(QUESTION), settings)]

    return "".join(asyncio.run(collect()))


def tools():
    kernel = Kernel()
    kernel.add_plugin(Weather(), "weather")
    return "sunny in Paris" in ask(WEATHER, kernel, function_choice_behavior=FunctionChoiceBehavior.Auto())


def structured():
    return Person.model_validate_json(ask(PERSON, response_format=Person)) == Person(**ADA)


def embeddings():
    embedder = OpenAITextEmbedding(ai_model_id=EMBEDDING_MODEL, async_client=openai())
    return len(asyncio.run(embedder.generate_embeddings(["a", "b"]))) == 2


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings)
