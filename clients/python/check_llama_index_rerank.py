"""llama-index: JinaRerank, and TextEmbeddingInference for the route at the root."""

from checks import API_KEY, BASE_URL, MODEL, run
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.jinaai_rerank import JinaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

QUERY = "what warns ships"
TEXTS = ["bread is baked", "a lighthouse warns ships", "ships sail"]


def rerank():
    jina = JinaRerank(model=MODEL, base_url=BASE_URL, api_key=API_KEY, top_n=2)
    tei = TextEmbeddingInference(base_url=BASE_URL.removesuffix("/v1"), auth_token=f"Bearer {API_KEY}", top_n=2)
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    return all(
        [node.text for node in ranker.postprocess_nodes(nodes, query_str=QUERY)] == TEXTS[1:] for ranker in (jina, tei)
    )


run(rerank=rerank)
