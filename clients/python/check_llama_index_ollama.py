"""llama-index-llms-ollama: Ollama and OllamaEmbedding."""

import asyncio
import os

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama
from person import Person

os.environ["OLLAMA_API_KEY"] = API_KEY
HOST = BASE_URL.removesuffix("/v1")
llm = Ollama(model=MODEL, base_url=HOST, context_window=2048, additional_kwargs={"num_predict": 40})


def chat():
    return llm.chat([ChatMessage(content=QUESTION)]).message.content


def stream():
    return "".join(one.delta or "" for one in llm.stream_chat([ChatMessage(content=QUESTION)]))


def tools():
    async def ask():
        return await FunctionAgent(tools=[get_weather], llm=llm).run(WEATHER)

    return "sunny in Paris" in str(asyncio.run(ask()))


def structured():
    return llm.as_structured_llm(Person).complete(PERSON).raw == Person(**ADA)


def embeddings():
    return len(OllamaEmbedding(EMBEDDING_MODEL, base_url=HOST).get_text_embedding_batch(["word " * 200] * 40)) == 40


def completions():
    return llm.complete(QUESTION).text


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings, completions=completions)
