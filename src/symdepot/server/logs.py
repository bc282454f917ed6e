"""Logging: structured lines on standard error, through structlog.

Every event is a key `noun.verb` with keyword fields; docs/operations.md lists them all.
Lines of other libraries get the same shape.
"""

import logging
import logging.config
import re
import sys
from typing import Any, Literal

import structlog
from structlog import processors
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

_TOKEN = re.compile(r"\b(?:(symd_)[\w-]+|(sntrys_)[\w=+/-]+)", re.ASCII)
_LEVELS = {
    "django.tasks": logging.WARNING,
    "django_tasks_db": logging.WARNING,
    # `protocols` logs refused requests itself, with more fields.
    "django.request": logging.ERROR,
}


def drop_absent_fields(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Drop the fields that are None, such as the cause of an error that has none.

    >>> drop_absent_fields(None, "", {"event": "upload.failed", "cause": None})
    {'event': 'upload.failed'}
    """
    return {name: value for name, value in line.items() if value is not None}


def redact_tokens(_logger: object, _method: str, line: Any) -> str:
    """Return a rendered line without tokens; URLs in any library's line may hold one.

    >>> redact_tokens(None, "", "GET /s/symd_Gx7-_3.")
    'GET /s/symd_….'
    """
    return _TOKEN.sub(r"\1\2…", str(line))


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    drop_absent_fields,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    processors.TimeStamper(fmt="iso", utc=True),
    processors.StackInfoRenderer(),
]


def configure(*, level: str, style: Literal["auto", "json", "text"]) -> None:
    """Send all lines, those of libraries too, to standard error in one format."""
    is_terminal = sys.stderr.isatty()
    # The default formatter of exceptions shows local variables, which may hold a token.
    last: list[Processor] = [
        ConsoleRenderer(colors=is_terminal, exception_formatter=plain_traceback)
    ]
    if style == "json" or (style == "auto" and not is_terminal):
        last = [processors.format_exc_info, processors.JSONRenderer()]
    remove_meta = ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_SHARED, processors=[remove_meta, *last, redact_tokens]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, threshold in _LEVELS.items():
        logging.getLogger(name).setLevel(threshold)
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
