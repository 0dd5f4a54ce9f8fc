"""Requests and results of Hugging Face's tasks, as backends take and return them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.types import Result


@dataclass(frozen=True)
class GenerationRequest:
    """A validated request for text in the form of text-generation-inference (TGI).

    `parameters` are TGI's, without `max_new_tokens`, which is `max_tokens`. `limit_added` means that the service
    chose it.
    """

    inputs: str | list[str]
    parameters: Mapping[str, Any]
    max_tokens: int
    stream: bool = False
    limit_added: bool = False


@dataclass(frozen=True)
class PipelineRequest:
    """A validated request of one of Hugging Face's tasks; `task` is None if the model decides it, `text` its texts.

    `body` has inputs, parameters and options of the task. `generation` is the same as a request for text, None if the
    body cannot be one. `summary_lengths` are the maximum and the minimum of a summary, in tokens.
    """

    task: str | None
    body: Mapping[str, Any]
    text: str
    generation: GenerationRequest | None = None
    summary_lengths: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class PipelineResult(Result):
    """A response body of one of Hugging Face's tasks; `reason` is why a generation ended, None for other tasks."""

    payload: Any
    reason: str | None = None

    @property
    def finish_reasons(self) -> Sequence[str | None]:
        return () if self.reason is None else (self.reason,)
