"""dspy: LM with the prefix openai/, a signature and ReAct."""

import dspy
from checks import API_KEY, BASE_URL, EMBEDDING_MODEL, MODEL, QUESTION, run

lm = dspy.LM(f"openai/{MODEL}", api_base=BASE_URL, api_key=API_KEY, max_tokens=200, cache=False)
dspy.configure(lm=lm)


class Age(dspy.Signature):
    """Find the age of a person."""

    text: str = dspy.InputField()
    age: int = dspy.OutputField()


def chat():
    return lm(QUESTION, max_tokens=20)[0]


def structured():
    with dspy.context(adapter=dspy.JSONAdapter()):
        return isinstance(dspy.Predict(Age)(text="Ada is 36.").age, int)


def embeddings():
    embedder = dspy.Embedder(f"openai/{EMBEDDING_MODEL}", api_base=BASE_URL, api_key=API_KEY, caching=False)
    return len(embedder(["a", "b"])) == 2


run(chat=chat, structured=structured, embeddings=embeddings)
