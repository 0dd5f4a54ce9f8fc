"""llama-index: OpenAILike and OpenAILikeEmbedding."""

import asyncio

from checks import ADA, API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, PERSON, QUESTION, WEATHER, get_weather, run
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike
from person import Person

SERVER = {"api_base": BASE_URL, "api_key": API_KEY}
KIND = {"is_chat_model": True, "is_function_calling_model": True, "context_window": 2048, "max_tokens": 40}
llm = OpenAILike(model=MODEL, **SERVER, **KIND)


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
    embedder = OpenAILikeEmbedding(model_name=EMBEDDING_MODEL, **SERVER)
    return len(embedder.get_text_embedding_batch(["word " * 200] * 40)) == 40


run(chat=chat, stream=stream, tools=tools, structured=structured, embeddings=embeddings)
