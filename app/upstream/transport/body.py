"""Reads the bodies of responses."""

from collections.abc import Iterator

import requests

from app.errors import UpstreamInvalidResponse

READ_BYTES = 64 * 1024


def iter_body(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the decoded body as it arrives, so that the part before a failure is there.

    Raises UpstreamInvalidResponse if the body is larger than `max_bytes`, and urllib3's HTTPError if it breaks off.
    """
    size = 0
    while chunk := response.raw.read1(READ_BYTES, decode_content=True):
        size += len(chunk)
        if size > max_bytes:
            raise UpstreamInvalidResponse
        yield chunk
