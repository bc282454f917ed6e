"""Bodies of requests."""

from django.http import HttpRequest

from symdepot.domain.errors import InvalidRequest
from symdepot.protocols import symbolication_request

LIMIT_BYTES = 55 << 20
"""Source: spec/serving 4.5."""
_MOST_PARTS = 2_000_000
"""How many commas a body may have: what stands between them takes up to 100 times as
much memory as it has bytes, and a question with 100,000 frames has half as many.
"""


def body(request: HttpRequest) -> bytes:
    """Return the body of `request`; see `asking.body`.

    Raises:
        BodyTooLarge: it is larger than any that is read.
        InvalidRequest: it is not whole, or in too many parts.
    """
    content = symbolication_request.body(request, limit_bytes=LIMIT_BYTES)
    if content.count(b",") > _MOST_PARTS:
        raise InvalidRequest(f"The body may have {_MOST_PARTS} parts.")
    return content
