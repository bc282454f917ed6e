"""Paged lists with `Link` headers, as Sentry's clients follow them."""

import re
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Schema

_MAX_SIZE = 100
_MAX_OFFSET = 2**31
_CURSOR = re.compile(r"0:(\d{1,10}):[01]").fullmatch


class Page(Schema):
    """Query parameters of a paged list. An invalid cursor is the first page."""

    per_page: int = 20
    cursor: str = ""


class LargePage(Page):
    """Query parameters of a list with large pages."""

    per_page: int = _MAX_SIZE


def cut[Row: Model](
    page: Page,
    rows: QuerySet[Row] | Sequence[Row],
    request: HttpRequest,
    response: HttpResponse,
) -> list[Row]:
    """Return the rows of a page, at most 100, and set the header `Link`.

    Source: spec/sentry-server 3.1; spec/sentry-cli A9, row "pagination".
    """
    match = _CURSOR(page.cursor)
    offset = min(int(match[1]) if match else 0, _MAX_OFFSET)
    size = min(max(page.per_page, 1), _MAX_SIZE)
    found = list(rows[offset : offset + size + 1])
    query = request.GET.copy()
    query.pop("cursor", None)
    url = f"{settings.PUBLIC_URL}{request.path}?{query.urlencode()}"
    response["Link"] = ", ".join(
        f'<{url}&cursor={cursor}>; rel="{rel}"; '
        f'results="{str(has_results).lower()}"; cursor="{cursor}"'
        for rel, cursor, has_results in (
            ("previous", f"0:{max(offset - size, 0)}:1", offset > 0),
            ("next", f"0:{offset + size}:0", len(found) > size),
        )
    )
    return found[:size]
