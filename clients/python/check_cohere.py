"""cohere: rerank of both versions of its API."""

import cohere
from checks import API_KEY, BASE_URL, MODEL, run

ADDRESS = BASE_URL.removesuffix("/v1")
QUERY = "what warns ships"
DOCUMENTS = ["bread is baked", "a lighthouse warns ships", "ships sail"]


def rerank():
    first = cohere.Client(API_KEY, base_url=ADDRESS).rerank(
        model=MODEL, query=QUERY, documents=[DOCUMENTS[0], {"text": DOCUMENTS[1], "id": "7"}], return_documents=True
    )
    second = cohere.ClientV2(API_KEY, base_url=ADDRESS).rerank(model=MODEL, query=QUERY, documents=DOCUMENTS, top_n=2)
    found = first.results[0].document
    return (found.text, found.id, [one.index for one in second.results]) == (DOCUMENTS[1], "7", [1, 2])


def errors():
    try:
        cohere.ClientV2(API_KEY, base_url=ADDRESS).rerank(model=MODEL, query=QUERY, documents=[])
    except cohere.BadRequestError as error:
        return error.body["type"] == "validation_error" and "documents" in error.body["message"]


run(rerank=rerank, errors=errors)
