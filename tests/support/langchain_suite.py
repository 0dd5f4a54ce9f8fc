"""The standard tests of LangChain for chat models, run against the server that the environment names.

pytest runs this file by its path, in a process of its own; `support.langchain` reads the outcomes.
"""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

FILE = b"the bytes of an image, of a document or of a sound"


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the images, documents and sounds that the suite downloads."""
    monkeypatch.setattr("httpx.get", lambda *arguments, **options: SimpleNamespace(content=FILE))
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")


class TestChatOpenAI(ChatModelIntegrationTests):
    """All of the suite's tests, without those for tools where the model has none; what else a model lacks fails."""

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    model_override_value = os.environ["SUITE_OTHER_MODEL"]
    has_tool_calling = has_tool_choice = bool(os.environ["SUITE_TOOLS"])

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "base_url": os.environ["SUITE_URL"],
            "model": os.environ["SUITE_MODEL"],
            "api_key": "not needed",
            "max_retries": 0,
            "max_tokens": 48,
            "temperature": 0,
            "stream_usage": True,
        }
