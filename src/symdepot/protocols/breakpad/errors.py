"""What each error looks like to those who ask for Breakpad's symbol files.

Source: spec/serving 3.2; the texts are Tecken's, which clients compare.
"""

from http import HTTPStatus

from symdepot.domain import errors
from symdepot.protocols.text_views import ErrorTable

ERRORS = ErrorTable(
    status={
        errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
        errors.NotAllowed: HTTPStatus.FORBIDDEN,
        errors.Refused: HTTPStatus.NOT_FOUND,
        errors.Missing: HTTPStatus.NOT_FOUND,
        errors.RateExceeded: HTTPStatus.TOO_MANY_REQUESTS,
        errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    },
    text={errors.Missing: "Symbol Not Found"},
)
IGNORED = "Symbol Not Found (and ignored)"
"""Said of what nobody can have, without looking for it."""
