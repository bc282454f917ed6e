"""Pages of a list, joined by `Link` headers as Sentry's clients follow them."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest

USUAL_SIZE = 20
LARGEST_SIZE = 100
_LARGEST_OFFSET = 2**31
_CURSOR = re.compile(r"0:(\d{1,10}):[01]").fullmatch


@dataclass(frozen=True, slots=True)
class Page:
    """`size` rows from the row number `offset` on."""

    offset: int
    size: int

    def cut[Row: Model](self, rows: QuerySet[Row]) -> tuple[list[Row], bool]:
        """Return the rows of this page, and whether there are more behind it."""
        found = list(rows[self.offset : self.offset + self.size + 1])
        return found[: self.size], len(found) > self.size

    def link(self, url: str, *, has_more: bool) -> str:
        """Return the `Link` header; `url` has a query already, less its cursor.

        Source: spec/sentry-server 3.1; spec/sentry-cli A9, row "pagination".
        """
        before = f"0:{max(self.offset - self.size, 0)}:1"
        after = f"0:{self.offset + self.size}:0"
        return ", ".join(
            f'<{url}&cursor={cursor}>; rel="{rel}"; '
            f'results="{str(there).lower()}"; cursor="{cursor}"'
            for rel, cursor, there in (
                ("previous", before, self.offset > 0),
                ("next", after, has_more),
            )
        )


def page(cursor: str, size: int) -> Page:
    """Return the page that `cursor` names; one that makes no sense is the first."""
    match = _CURSOR(cursor)
    offset = int(match[1]) if match else 0
    return Page(
        offset=min(offset, _LARGEST_OFFSET), size=min(max(size, 1), LARGEST_SIZE)
    )


def url(request: HttpRequest) -> str:
    """Return what was asked for, less its cursor, as `Page.link` takes it."""
    query = request.GET.copy()
    query.pop("cursor", None)
    return f"{settings.PUBLIC_URL}{request.path}?{query.urlencode()}"
