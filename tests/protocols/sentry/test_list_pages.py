"""Long lists are paged with the `Link` header."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from tests.factories import Answer, a_client, a_debug_file, a_project, files_url

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NEXT = re.compile(r'<(http://depot\.test[^>]+)>; rel="next"; results="true"')


def fill(count: int, **differing: Any) -> list[str]:
    """Give the project `count` debug files; return their ids, newest first."""
    project = a_project()
    rows = [a_debug_file(project, **differing) for _ in range(count)]
    return [str(row.pk) for row in reversed(rows)]


def ids(answer: Answer) -> list[str]:
    return [row["id"] for row in answer.json()]


def pages(client: Client, **filters: Any) -> Iterator[list[str]]:
    """Follow the links as a client does, to the end."""
    answer = client.get(files_url(), filters)
    while True:
        yield ids(answer)
        match = NEXT.search(answer["Link"])
        if match is None:
            return
        answer = client.get(match[1].removeprefix("http://depot.test"))


def test_following_the_links_lists_each_file_once() -> None:
    everything = fill(47)

    found = list(pages(a_client()))

    assert [len(page) for page in found] == [20, 20, 7]
    assert [row for page in found for row in page] == everything


def test_the_links_keep_the_filters() -> None:
    fill(3, name="other", format=Format.PE)
    wanted = fill(7, name="näme & more", format=Format.ELF)
    fill(3, name="näme & more", format=Format.PDB)

    found = list(
        pages(
            a_client(),
            query="näme & m",
            file_formats=["elf", "pe"],
            per_page=3,
        )
    )

    assert found == [wanted[:3], wanted[3:6], wanted[6:]]


def test_the_link_header_has_the_format_of_sentry() -> None:
    fill(5)
    client = a_client()

    links = [
        client.get(files_url(), {"per_page": 2, "cursor": cursor})["Link"]
        for cursor in ("", "0:2:0", "0:4:0")
    ]

    url = "http://depot.test/api/0/projects/acme/game/files/dsyms/?per_page=2"

    def link(rel: str, cursor: str, *, results: str) -> str:
        return (
            f'<{url}&cursor={cursor}>; rel="{rel}"; '
            f'results="{results}"; cursor="{cursor}"'
        )

    assert [each.split(", ") for each in links] == [
        [
            link("previous", "0:0:1", results="false"),
            link("next", "0:2:0", results="true"),
        ],
        [
            link("previous", "0:0:1", results="true"),
            link("next", "0:4:0", results="true"),
        ],
        [
            link("previous", "0:2:1", results="true"),
            link("next", "0:6:0", results="false"),
        ],
    ]


@pytest.mark.parametrize(
    ("requested", "given"), [(1, 1), (20, 20), (100, 100), (101, 100), (0, 1), (-5, 1)]
)
def test_the_page_size_is_limited(requested: int, given: int) -> None:
    project = a_project()
    row = a_debug_file(project)
    DebugFile.objects.bulk_create(
        DebugFile(
            project=project,
            file=row.file,
            debug_id=str(DebugId(UUID(int=n))),
            arch="x86",
            file_format="elf",
            object_name="x",
        )
        for n in range(1, 121)
    )

    answer = a_client().get(files_url(), {"per_page": requested})

    assert len(answer.json()) == given


@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "0:-1:0", "0:1", "0:x:0", "1:0:0", "0:99999999999:0", "\x00", "²"],
)
def test_an_invalid_cursor_is_the_first_page(cursor: str) -> None:
    everything = fill(3)

    assert ids(a_client().get(files_url(), {"cursor": cursor})) == everything


def test_a_page_beyond_the_end_is_empty() -> None:
    fill(3)

    answer = a_client().get(files_url(), {"cursor": "0:9999999999:0"})

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.upstream(63)
def test_the_default_page_has_20_files() -> None:
    client = a_client()
    fill(25, format=Format.PROGUARD, name="proguard-mapping", arch="any")
    oldest = DebugFile.objects.order_by("pk")[0]

    assert len(client.get(files_url()).json()) == 20
    assert len(client.get(files_url(), {"query": "proguard"}).json()) == 20
    exact = client.get(files_url(), {"query": oldest.debug_id})
    assert ids(exact) == [str(oldest.pk)]
