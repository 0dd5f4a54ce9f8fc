"""langchain-cohere: CohereRerank."""

from checks import API_KEY, BASE_URL, MODEL, run
from langchain_cohere import CohereRerank
from langchain_core.documents import Document


def rerank():
    texts = ["bread is baked", "a lighthouse warns ships", "ships sail"]
    ranker = CohereRerank(model=MODEL, cohere_api_key=API_KEY, base_url=BASE_URL.removesuffix("/v1"), top_n=2)
    found = ranker.compress_documents([Document(page_content=text) for text in texts], "what warns ships")
    return [document.page_content for document in found] == texts[1:]


run(rerank=rerank)
