"""The errors of the encoder: each has a status of HTTP and a type."""

from typing import ClassVar

from app.config.model_file import UNUSABLE


class EncoderError(Exception):
    """An error that the encoder answers."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"


class InvalidInput(EncoderError):
    """The request cannot be carried out as it is."""

    status = 400
    type = "invalid_request"


class UnknownOperation(EncoderError):
    """The table has no operation of this name."""

    status = 404
    type = "not_found"


class TooLarge(EncoderError):
    """The body exceeds the limit."""

    status = 413
    type = "payload_too_large"


class ModelFileMissing(EncoderError):
    """The package with the model is not installed."""

    status = 501
    type = "not_supported"


class ModelFileDiffers(EncoderError):
    """A file of the model is not the one whose hash is pinned."""

    status = 503
    type = UNUSABLE


class OutOfMemory(EncoderError):
    """The limit of memory is reached; the request may succeed later, or in smaller parts."""

    status = 503
    type = "overloaded"
