"""Paged lists with `Link` headers, as Sentry's clients follow them."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest

DEFAULT_SIZE = 20
MAX_SIZE = 100
_MAX_OFFSET = 2**31
_CURSOR = re.compile(r"0:(\d{1,10}):[01]").fullmatch


@dataclass(frozen=True, slots=True)
class Page:
    """At most `size` rows, from row number `offset`."""

    offset: int
    size: int

    def cut[Row: Model](self, rows: QuerySet[Row]) -> tuple[list[Row], bool]:
        """Return the rows of this page, and whether more follow."""
        found = list(rows[self.offset : self.offset + self.size + 1])
        return found[: self.size], len(found) > self.size

    def link(self, url: str, *, has_more: bool) -> str:
        """Return the `Link` header. `url` has a query string without a cursor.

        Source: spec/sentry-server 3.1; spec/sentry-cli A9, row "pagination".
        """
        before = f"0:{max(self.offset - self.size, 0)}:1"
        after = f"0:{self.offset + self.size}:0"
        return ", ".join(
            f'<{url}&cursor={cursor}>; rel="{rel}"; '
            f'results="{str(has_results).lower()}"; cursor="{cursor}"'
            for rel, cursor, has_results in (
                ("previous", before, self.offset > 0),
                ("next", after, has_more),
            )
        )


def page(cursor: str, size: int) -> Page:
    """Parse a cursor; an invalid one is the first page. `size` is limited to 1 to 100."""
    match = _CURSOR(cursor)
    offset = int(match[1]) if match else 0
    return Page(offset=min(offset, _MAX_OFFSET), size=min(max(size, 1), MAX_SIZE))


def url(request: HttpRequest) -> str:
    """Return the URL of the request without its cursor, for `Page.link`."""
    query = request.GET.copy()
    query.pop("cursor", None)
    return f"{settings.PUBLIC_URL}{request.path}?{query.urlencode()}"
