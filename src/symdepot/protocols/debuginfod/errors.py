"""What each error looks like to clients of debuginfod.

They take all but 200 for "not found" and remember that for ten minutes; people read
the text. The reference answers 503 to what is malformed, we do not: it is no fault of
ours, and a monitor would take it for one.

Source: spec/serving 1.2 and 1.6.
"""

from http import HTTPStatus

from symdepot.domain import errors
from symdepot.protocols.text_views import ErrorTable

ERRORS = ErrorTable(
    status={
        errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
        errors.NotAllowed: HTTPStatus.FORBIDDEN,
        errors.Refused: HTTPStatus.BAD_REQUEST,
        errors.Missing: HTTPStatus.NOT_FOUND,
        errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
        errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    },
    text={errors.Missing: "not found"},
)
