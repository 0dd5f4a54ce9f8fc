"""dspy: LM and Embedder with the prefix openai/."""

import dspy
from checks import API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, QUESTION, run

lm = dspy.LM(f"openai/{MODEL}", api_base=BASE_URL, api_key=API_KEY, max_tokens=200, cache=False)


def chat():
    return lm(QUESTION, max_tokens=20)[0]


def embeddings():
    embedder = dspy.Embedder(f"openai/{EMBEDDING_MODEL}", api_base=BASE_URL, api_key=API_KEY, caching=False)
    return len(embedder(["a", "b"])) == 2


run(chat=chat, embeddings=embeddings)
