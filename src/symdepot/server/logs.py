"""What the house says about itself: structured lines on standard error."""

import logging
import logging.config
import re
import sys
from typing import Any, Literal

import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
_QUIET = ("django.tasks", "django_tasks_db")
_TOKEN = re.compile(r"\b(?:(symd_)[\w-]+|(sntrys_)[\w=+/-]+)", re.ASCII)
_SAYS_WHAT_OUR_DOORS_SAID = "django.request"


def redact_tokens(_logger: object, _method: str, line: Any) -> str:
    """Return a line that is ready to be written, without the tokens in it.

    Whatever library it comes from: those that stand in URLs are logged all too easily.

    >>> redact_tokens(None, "", "GET /s/symd_Gx7-_3.")
    'GET /s/symd_….'
    """
    return _TOKEN.sub(r"\1\2…", str(line))


def configure(*, level: str, style: Literal["auto", "json", "text"]) -> None:
    """Send our lines and everybody else's to standard error, in one shape."""
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The usual one shows variables, and a token may be in one.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
        if text
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *last,
                redact_tokens,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Whatever is refused our doors log themselves, with more in it.
    logging.getLogger(_SAYS_WHAT_OUR_DOORS_SAID).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
