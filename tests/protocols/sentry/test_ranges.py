"""Range requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import (
    Answer,
    a_client,
    a_debug_file,
    a_file,
    a_project,
    files_url,
)

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum

pytestmark = pytest.mark.django_db

CHUNKS = [b"0123456789", b"abcdefghij", b"0123456789", b"KLM"]
CONTENT = b"".join(CHUNKS)
SIZE = len(CONTENT)
ETAG = f'"{Checksum.of(CONTENT)}"'


def a_row() -> DebugFile:
    """Return a debug file of four chunks, two of them the same."""
    project = a_project()
    row = a_debug_file(project)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *CHUNKS))
    return row


def part(byte_range: str, *, method: str = "get", **headers: str) -> Answer:
    client = a_client()
    return getattr(client, method)(
        files_url(), {"id": a_row().pk}, headers={"Range": byte_range, **headers}
    )


@pytest.mark.parametrize(
    ("byte_range", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=0-10", 0, 10),
        ("bytes=9-10", 9, 10),
        ("bytes=10-19", 10, 19),
        ("bytes=5-24", 5, 24),
        ("bytes=8-31", 8, 31),
        ("bytes=30-", 30, 32),
        ("bytes=0-", 0, 32),
        ("bytes=32-32", 32, 32),
        ("bytes=32-", 32, 32),
        ("bytes=20-999", 20, 32),
        ("bytes=0-999999999999999999", 0, 32),
        ("bytes=-1", 32, 32),
        ("bytes=-3", 30, 32),
        ("bytes=-4", 29, 32),
        ("bytes=-33", 0, 32),
        ("bytes=-999", 0, 32),
        (" bytes=3-4 ", 3, 4),
    ],
)
def test_a_range_is_sent_with_content_range(
    byte_range: str, first: int, last: int
) -> None:
    answer = part(byte_range)

    assert answer.status_code == 206
    assert answer.getvalue() == CONTENT[first : last + 1]
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last + 1 - first)
    assert (answer["ETag"], answer["Accept-Ranges"]) == (ETAG, "bytes")


@pytest.mark.parametrize(
    "byte_range", ["bytes=33-", "bytes=33-40", "bytes=999-", "bytes=-0"]
)
def test_a_range_beyond_the_end_is_not_satisfiable(byte_range: str) -> None:
    answer = part(byte_range)

    assert (answer.status_code, answer.content) == (416, b"")
    assert answer["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "byte_range",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "bytes=0-1, -1",
        "bytes=--1",
        "bytes=1--1",
        "bytes=0x1-0x2",
        "bytes=²-³",
        "lines=0-1",
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_other_forms_of_ranges_are_ignored(byte_range: str) -> None:
    answer = part(byte_range)

    assert (answer.status_code, answer.getvalue()) == (200, CONTENT)
    assert "Content-Range" not in answer
    assert answer["Content-Length"] == str(SIZE)


def test_a_range_is_sent_if_if_range_matches() -> None:
    answer = part("bytes=30-", **{"If-Range": ETAG})

    assert (answer.status_code, answer.getvalue()) == (206, b"KLM")


@pytest.mark.parametrize(
    "begun", ['"other"', f"W/{ETAG}", "Wed, 21 Oct 2015 07:28:00 GMT", ""]
)
def test_the_whole_file_is_sent_if_if_range_does_not_match(begun: str) -> None:
    answer = part("bytes=30-", **{"If-Range": begun})

    assert (answer.status_code, answer.getvalue()) == (200, CONTENT)


def test_a_matching_etag_wins_over_a_range() -> None:
    answer = part("bytes=30-", **{"If-None-Match": ETAG})

    assert (answer.status_code, answer.content) == (304, b"")


def test_head_ignores_ranges() -> None:
    answer = part("bytes=30-", method="head")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(SIZE)
    assert "Content-Range" not in answer


def test_symbolicator_downloads_a_large_file_in_several_ranges() -> None:
    block = bytes(range(256)) * 4096
    project = a_project()
    row = a_debug_file(project)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *[block] * 130))
    total, limit = 130 << 20, 128 << 20
    client = a_client()

    answers: list[Answer] = [
        client.get(
            files_url(), {"id": row.pk}, headers={"Range": f"bytes={byte_range}"}
        )
        for byte_range in (f"0-{limit - 1}", f"{limit}-{total - 1}")
    ]

    # Source: spec/serving 4.3: it asks for the rest once it knows the size.
    assert [answer["Content-Range"] for answer in answers] == [
        f"bytes 0-{limit - 1}/{total}",
        f"bytes {limit}-{total - 1}/{total}",
    ]
    sizes = [
        sum(len(part) for part in answer.streaming_content if block.startswith(part))
        for answer in answers
    ]
    assert sizes == [limit, 2 << 20]


@given(first=st.integers(0, SIZE - 1), length=st.integers(1, SIZE))
def test_any_range_equals_a_slice(first: int, length: int) -> None:
    last = min(first + length, SIZE) - 1

    assert part(f"bytes={first}-{last}").getvalue() == CONTENT[first : last + 1]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30))
def test_no_range_header_causes_an_internal_error(byte_range: str) -> None:
    answers = part(byte_range), part(f"bytes={byte_range}")

    assert {answer.status_code for answer in answers} <= {200, 206, 416}
