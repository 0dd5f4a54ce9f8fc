"""Bodies of requests, derived from the fields of a schema: valid ones and invalid ones."""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, fields

from app.openapi.route_doc import route_doc_of
from app.schemas.classify import LabelList
from app.schemas.entities import EntityTypes
from app.schemas.extract import JsonSchema
from app.schemas.fields import Integer, Model, Number, PromptText, RequestSchema, StopSequences, StrictBoolean
from app.schemas.huggingface import Inputs
from app.schemas.json_shape import JsonShape
from app.schemas.messages import MessageList, SystemPrompt, ToolChoice, ToolList
from app.schemas.ollama import ChatMessages, EmbedTexts, Format, Text
from app.schemas.openai_fields import Messages, Texts
from app.schemas.openai_inputs import ModerationInputs, PlainText, PlainTexts, TokenIds
from app.schemas.pii import NameList, PlaceholderValues
from app.schemas.rerank_fields import Documents, RankedTexts
from app.schemas.responses_api import ResponseInput
from app.schemas.sentiment import Aspects
from app.schemas.similarity import Candidates
from app.schemas.tei import Comparison, Sequences, TextOrTexts
from app.schemas.texts import DocumentList, Language, TextList

# the MAX_INPUT_CHARS that the texts expect
LIMIT = 60

MODELS = [
    "gpt2",
    "org/model",
    "a/b:c",
    "/a",
    "a:b:c",
    "@a b",
    "é",
    "openai",
    "openai:a/b",
    "openai:a:b",
    "huggingface:a/b",
]
MODELS += ["x" * 256, "openai:" + "x" * 256]
NO_MODELS = [
    "..",
    "a/..",
    "a\n",
    " a",
    "a%2fb",
    "a?b",
    "http://a",
    "openai:",
    "openai:..",
    "huggingface:/a",
    "huggingface:é",
]
NO_MODELS += ["x" * 257, "openai:" + "x" * 257, 5, ["a"], {}]
TEXTS = ["a", " a ", "\ufeff", "\u200b", "\n a", "x" * LIMIT, "好" * LIMIT, "🙂" * LIMIT]
NO_TEXTS = ["", " \n\t", "\u2003", "\x1c\x85", "a\x00b", "\x00", "x" * (LIMIT + 1), 5, True, [], {}]
LABELS = [
    ["a", "b"],
    [{"name": "a"}, "b"],
    [{"name": "a", "description": ""}, "b"],
    [str(count) for count in range(100)],
]
NO_LABELS = [
    [],
    ["a"],
    ["a", "\0"],
    "ab",
    ["a", "a"],
    ["a", " "],
    ["a", 5],
    ["a", {}],
    ["a", {"name": ""}],
    ["a", "x" * 201],
]
NO_LABELS += [["a", {"name": "b", "description": value}] for value in (5, "x" * 1001)]
NO_LABELS += [["a", {"name": "b", "x": "y"}], [str(count) for count in range(101)], {}]
STOPS = ["a", ["a", "b"], "x" * 200, "", [], [""], ["a"] * 5, [1], {}, 7, "x" * 201, "\x00", "a\x00"]
TOKENS = [[1, 2], [0], [5.0], [[1], [2, 3]], [1] * LIMIT, [2**31 - 1]]
NO_TOKENS = [[-1], [1.5], [True], [2**31], [[]], [[1], []], [[1], 2], ["a", 1], [["a"]], [None]]
PROMPTS = [
    *TEXTS,
    "",
    " ",
    "a\x00b",
    "x" * (LIMIT + 1),
    5,
    True,
    [],
    {},
    ["a"],
    ["a", "b"],
    [" "],
    ["a", ""],
    ["a"] * 2049,
    *TOKENS,
    *NO_TOKENS,
]
CONVERSATIONS = [
    [{"role": "user", "content": "Hi."}],
    [{"role": "user", "content": "Hi.", "name": "Ada"}, {"role": "assistant", "content": None, "tool_calls": []}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
    [{"role": "user", "content": [{"type": "image_url"}]}],
    [{"role": "user", "content": []}, {"role": "user", "content": " "}],
    [{"role": "user", "content": [{"text": 5}]}],
    [],
    {},
    "Hi.",
    [5],
    [{"role": "user"}],
    [{"role": "user", "content": " "}],
    [{"role": "", "content": "Hi."}],
    [{"content": "Hi."}],
    [{"role": 5, "content": "Hi."}],
    [{"role": "user", "content": 5}],
    [{"role": "user", "content": {}}],
    [{"role": "user", "content": {"text": "a\x00"}}],
    [{"role": "user", "content": ["Hi."]}],
    [{"role": "user", "content": ["a\x00"]}],
    [{"role": "user", "content": [5]}],
    [{"role": "user", "content": "a\x00"}],
    [{"role": "user", "content": [{"text": "a\x00"}]}],
    [{"role": "user", "content": "x" * (LIMIT + 1)}],
    [{"role": "user", "content": [{"text": "x" * (LIMIT + 1)}]}],
]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
LINKED_IMAGE = {"type": "image", "source": {"type": "url", "url": "https://images.test/a.png"}}
DOCUMENT = {"type": "document", "title": "A", "source": {"type": "text", "media_type": "text/plain", "data": "b"}}
NESTED_DOCUMENT = {"type": "document", "title": None, "source": {"type": "content", "content": [IMAGE]}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
FOUND = {"type": "search_result", "title": "A", "source": "b", "content": [{"type": "text", "text": "c"}]}
USE = {"type": "tool_use", "id": "a", "name": "b", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a"}
THOUGHT = {"type": "thinking", "thinking": "a", "signature": ""}
BLOCKS = [
    *[IMAGE, LINKED_IMAGE, DOCUMENT, NESTED_DOCUMENT, FOUND, USE, THOUGHT, RESULT],
    *[{"type": "image"}, {"type": "image", "source": {"type": "file", "file_id": "a"}}, PDF, {"type": "document"}],
    *[{**FOUND, "title": 5}, {**FOUND, "content": "a"}, {**USE, "input": "a"}, {**USE, "id": ""}, {"type": "tool_use"}],
    *[{**RESULT, "content": content} for content in (None, "a", [], 5, [IMAGE, DOCUMENT, FOUND], [PDF], "a\x00")],
    *[{**RESULT, "content": [{"type": "tool_reference", "tool_name": "a"}]}, {**RESULT, "content": [RESULT]}],
    *[{**RESULT, "is_error": error} for error in (True, None, "yes")],
    *[{"type": "text", "text": text} for text in ("a", "", "a\x00", 5, None)],
    *[{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "citations": None}, {"type": "text"}],
    *[{"type": "server_tool_use", "id": "a"}, {"type": "container_upload"}, {"type": 5}, {}, "a", None],
]
TURNS = [
    [{"role": "user", "content": "Hi."}],
    *[[{"role": role, "content": [block]}] for role in ("user", "assistant", "system") for block in BLOCKS],
    *[[{"role": role, "content": "Hi."}] for role in ("assistant", "system", "tool", "", 5)],
    *[[{"role": "user", "content": content}] for content in ("", [], None, 5, {}, "a\x00")],
    *[[{"role": "user"}], [{"content": "Hi."}], [5], [], {}, "Hi."],
]
TOOL = {"name": "a", "input_schema": {"type": "object"}}
TOOLS = [
    *[[], [TOOL], [{**TOOL, "type": "custom", "strict": True}], [{**TOOL, "type": None, "description": "b"}]],
    *[[{"type": kind, "name": "a"}] for kind in ("bash_20250124", "text_editor_20250728", "memory_20250818")],
    *[[{"type": kind, "name": "a"}] for kind in ("tool_search_tool_regex_20251119", "web_search_20250305", "mcp", 5)],
    *[[{"name": "a"}], [{**TOOL, "name": ""}], [{**TOOL, "input_schema": "a"}], [{"type": "bash_20250124"}]],
    *[[5], {}, 5],
]
CHOICES = [
    *[{"type": kind} for kind in ("auto", "any", "none", "tool", "some", 5)],
    *[{"type": "tool", "name": "a"}, {"type": "tool", "name": ""}, {"type": "auto", "name": 5}, {}, "auto", []],
]
ITEMS = [
    "Hi.",
    [{"role": "user", "content": "Hi."}],
    *["", "a\x00b", 5, {}, [], [{}], ["Hi."], [5], [None], [{"role": "user", "content": 5}], [{"type": "unknown"}]],
    *[
        [{"type": "item_reference", "id": "msg_1"}],
        [{"role": "user", "content": [{"type": "input_text", "text": "Hi."}]}],
    ],
    [{"type": "function_call_output", "call_id": "a", "output": "b"}],
]
TEXT_LISTS = [["a"], ["a", " b "], ["\u200b"], [], [" "], ["a", ""], ["a\x00"], [5], [None], {}, 5]
DOCUMENTS = [[{"text": "a"}, "b"], [{"title": "a", "year": 5}], [{"text": " "}], [{"text": 5}], [{}], [{"a": "\x00"}]]
SEQUENCES = ["a", " ", [["a"], ["b", "c"]], [[]], [["a"], "b"], ["a", ["b"]], ["a", "b", "c"], [["a", "b", "c"]]]
SEQUENCES += [[["a"]] * 32, [["a"]] * 33, [[" "]]]
COMPARISONS = [
    {"source_sentence": "a", "sentences": ["b", "c"]},
    {"source_sentence": "a", "sentences": ["b"], "x": 1},
    {"source_sentence": " ", "sentences": ["b"]},
    {"source_sentence": "a", "sentences": []},
    {"source_sentence": "a", "sentences": [" "]},
    {"source_sentence": "a", "sentences": "b"},
    {"source_sentence": "a"},
    {"sentences": ["b"]},
    5,
    [],
]
OLLAMA_CONVERSATIONS = [
    [{"role": "user", "content": "Hi.", "images": images, "thinking": None}]
    for images in (["iVBORw0="], None, "x", [5])
]
OLLAMA_CONVERSATIONS += [
    [{"role": "assistant", "tool_calls": calls}]
    for calls in (None, [], [{"function": {"name": "f", "arguments": {"a": 1}}}], [{"function": 5}], ["f"], {})
]
OLLAMA_CONVERSATIONS += [[{"role": "tool", "content": "x", "tool_name": name}] for name in ("f", None, 5)]
TEXT_DOCUMENTS = [
    *[[{"text": text}] for text in ("a", " ", 5, None)],
    *[[{"text": "a", "id": name}] for name in ("b", "", "x" * 200, "x" * 201, 5, None)],
    *[[{"text": "a", "language": code}] for code in ("en", "pt-BR", "zh_Hant", "", "english", "e", "en-", 5, None)],
    *[[{"text": "a", "id": "b"}, {"text": "a", "id": "c"}], [{"text": "a", "x": 5}], [{"id": "b"}], [{}]],
]
INPUTS = [
    *TEXTS,
    *NO_TEXTS,
    ["a", "b"],
    ["a", " "],
    ["a", {"question": "a"}],
    [["a", "b"]],
    [5],
    ["a"] * 2049,
    {"a": 5},
]
PARTS = [
    [{"type": "text", "text": "a"}],
    [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}],
    [{"type": "text", "text": "a\x00"}],
    [{"type": "text"}],
    [{"type": "image_url", "image_url": {}}],
    [{"type": "image_url", "image_url": "x"}],
    [{"type": "audio"}],
    [{"text": "a"}],
    ["a", {"type": "text", "text": "a"}],
]
STREAM_OPTIONS = [{}, {"include_usage": True}, {"include_usage": None}, {"x": 1}, {"include_usage": 1}, 5, []]
# of every JSON type, empty and with values of every type
SHAPES = ["x", 5, 0.5, True, [], {}, ["x"], [5], [{}], [[]], [True], {"type": "x"}, {"type": 5}, {"1": 5}, {"1": "x"}]
SHAPES += [[{"function": {}}], [{"function": 5}], [{"name": 5}], {"json_schema": 5}, {"schema": {}}]
VALUES = {
    PromptText: [*TEXTS, *NO_TEXTS],
    Model: [*MODELS, *NO_MODELS],
    StrictBoolean: [True, False, "true", 1, "yes"],
    StopSequences: STOPS,
    Texts: PROMPTS,
    EmbedTexts: PROMPTS,
    Messages: CONVERSATIONS,
    ResponseInput: ITEMS,
    MessageList: TURNS,
    SystemPrompt: ["Be brief.", "", "a\x00", 5, {}, [], *([block] for block in BLOCKS)],
    ToolList: TOOLS,
    ToolChoice: CHOICES,
    fields.List: [[], [{}], "a", 5],
    ChatMessages: [*CONVERSATIONS, *OLLAMA_CONVERSATIONS],
    Format: ["json", "", "xml", {}, {"type": "object"}, [], 5, False],
    Text: ["x", "", "a\x00b", 5, [], {}],
    Inputs: INPUTS,
    JsonShape: SHAPES,
    fields.Nested: STREAM_OPTIONS,
    Candidates: [*TEXT_LISTS, ["a"] * 1000, ["a"] * 1001],
    RankedTexts: TEXT_LISTS,
    Documents: [*TEXT_LISTS, *DOCUMENTS],
    TextOrTexts: ["a", " ", "a\x00", *TEXT_LISTS],
    Sequences: [*SEQUENCES, *TEXT_LISTS],
    Comparison: COMPARISONS,
    PlainText: PROMPTS,
    PlainTexts: PROMPTS,
    ModerationInputs: [*PROMPTS, *PARTS],
    EntityTypes: [[], ["person"], ["date", "date"], ["city"], [5], [[]], "person", 5, {}],
    TextList: [*TEXT_LISTS, ["a"] * 1000, ["a"] * 1001, [[]]],
    DocumentList: [*TEXT_LISTS, *TEXT_DOCUMENTS, [{"text": "a"}] * 1001],
    Aspects: [["a"], ["a", "b c"], ["a"] * 20, [], ["x" * 100], "a", [" "], ["\0"], ["a"] * 21, ["x" * 101], [5], {}],
    LabelList: [*LABELS, *NO_LABELS],
    Language: ["en", "pt-BR", "zh_Hant", "EN", "", " ", "english", "e", "en-", 5, [], {}],
    NameList: [["email"], ["email", "phone"], ["FR", "AQ"], ["fr"], [], ["mail"], "email", [5], [[]], {}],
    PlaceholderValues: [{"[EMAIL_1]": "a"}, {}, {"a": "", "b": "c"}, {"": "a"}, {"a": 5}, [], "a", 5],
    TokenIds: [[1, 2], *PROMPTS],
    JsonSchema: [{"properties": {}}, {"type": "object"}, {}, {"type": "array"}, "x", 5, []],
}


def request_schemas(app: Any) -> dict[str, RequestSchema]:
    """Return the schema of each route of an app with a body, by path."""
    docs = {rule.rule: route_doc_of(app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()}
    return {path: doc.body for path, doc in docs.items() if doc is not None and doc.body is not None}


def payloads(schema: Schema) -> Iterator[Any]:
    """Yield a valid body, then bodies with each value of each field, and some bodies that are no object."""
    alternatives = getattr(schema, "alternatives", ())
    base = {
        name: _values(field)[0] for name, field in schema.fields.items() if field.required or name in alternatives[:1]
    }
    yield from [base, {}, {**base, "unknown": 1}, [], "x", None]
    for name, field in schema.fields.items():
        others = {} if name in alternatives else base
        for value in [*_values(field), None]:
            yield {**others, name: value}


def _values(field: fields.Field[Any]) -> list[Any]:
    if isinstance(field, Integer | Number):
        [bounds] = field.validators
        around = [bounds.min, bounds.max, bounds.min - 1, bounds.max + 1, (bounds.min + bounds.max) / 2 + 0.25]
        return [*around, "1", True, 1e30, [], {}]
    if type(field) is fields.String:
        [choice] = field.validators
        return [*choice.choices, "hex", 5]
    return VALUES[type(field)]
