"""What each error looks like to clients of a symbol server.

A miss must be a 404 and nothing else: after any other refusal .NET asks this server
for nothing more, and a 5xx ends WinDbg's search. So what cannot be read is a miss too.

Source: spec/serving 2.3.
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
