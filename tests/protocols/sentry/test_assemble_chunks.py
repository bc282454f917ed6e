"""A file is the list of its chunks, in order and with repeats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    files_url,
    own,
    pieces,
    send,
    standing,
    upload,
)
from tests.protocols.sentry.multipart import called, kept

from symdepot.domain.ids import Checksum
from symdepot.uploads.models import FileChunk

pytestmark = pytest.mark.django_db

MIB = 1 << 20


def downloaded(client: Client, row_id: str) -> bytes:
    content: bytes = client.get(files_url(), {"id": row_id}).getvalue()
    return content


def assembled(client: Client, chunks: Sequence[bytes]) -> dict[str, Any]:
    """Offer the file that `chunks` make and return its part of the answer."""
    checksum = Checksum.of(b"".join(chunks)).hex
    names = [Checksum.of(chunk).hex for chunk in chunks]
    answer = assemble(client, {checksum: {"name": "x.sym", "chunks": names}})
    found: dict[str, Any] = answer.json()[checksum]
    return found


@pytest.mark.upstream(19)
def test_eight_chunks_make_a_file_and_again_after_its_deletion() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file(at_least_bytes=8 * MIB)[: 8 * MIB]
    chunks = pieces(content)
    assert [len(chunk) for chunk in chunks] == [MIB] * 8

    first, again = upload(client, content), upload(client, content)

    assert first["state"] == "ok"
    assert again == first
    assert first["dif"]["sha1"] == Checksum.of(content).hex
    assert kept() == called(*chunks)
    assert downloaded(client, first["dif"]["id"]) == content


@pytest.mark.upstream(20)
def test_eight_times_the_same_chunk_make_a_file_eight_times_as_long() -> None:
    a_project()
    client = a_client()
    chunk = a_breakpad_file(at_least_bytes=MIB)[:MIB]
    send(client, chunk)

    found = assembled(client, [chunk] * 8)

    assert found["state"] == "ok"
    assert FileChunk.objects.count() == 8
    assert kept() == called(chunk)
    [row] = client.get(files_url()).json()
    assert (row["size"], row["sha1"]) == (8 * MIB, Checksum.of(chunk * 8).hex)
    assert downloaded(client, row["id"]) == chunk * 8


# Lines of Breakpad, since other bytes may not be a debug file.
LINES = st.binary(max_size=20).map(lambda content: f"INFO {content.hex()}\n".encode())


@given(
    chunks=st.lists(LINES, min_size=1, max_size=4),
    places=st.lists(st.integers(min_value=0, max_value=3), max_size=12),
)
def test_any_list_of_chunks_with_repeats_is_downloaded_unchanged(
    chunks: list[bytes], places: list[int]
) -> None:
    project, client = a_project(), a_client()
    head = a_breakpad_file()
    listed = [head, *(chunks[place % len(chunks)] for place in places)]
    own(project, head, *chunks)

    assert assembled(client, listed)["state"] == "ok"

    content = b"".join(listed)
    row = standing(client, content, piece=len(content))["dif"]
    assert row["size"] == len(content)
    assert downloaded(client, row["id"]) == content


def test_the_same_chunks_in_another_order_are_another_file() -> None:
    project, client = a_project(), a_client()
    head, one, two = a_breakpad_file(), b"INFO one\n", b"INFO two\n"
    own(project, head, one, two)

    orders = [[head, one, two], [head, two, one]]

    assert [assembled(client, order)["state"] for order in orders] == ["ok", "ok"]
    rows = client.get(files_url()).json()
    assert {row["sha1"] for row in rows} <= {
        Checksum.of(b"".join(order)).hex for order in orders
    }


def test_the_missing_chunks_of_a_file_are_listed_once_each_and_in_order() -> None:
    a_project()
    head, one, two, three = a_breakpad_file(), b"one", b"two", b"three"
    client = a_client()
    send(client, one)

    found = assembled(client, [head, two, one, three, two, head])

    assert found["missingChunks"] == [Checksum.of(c).hex for c in (head, two, three)]


def test_a_chunk_missing_from_several_files_is_listed_for_each() -> None:
    a_project()
    client = a_client()
    shared, own_part = Checksum.of(b"shared").hex, Checksum.of(b"own").hex
    first, second, third = (Checksum.of(b"%d" % n).hex for n in range(3))

    answer = assemble(
        client,
        {
            first: {"name": "a", "chunks": [shared]},
            second: {"name": "b", "chunks": [own_part, shared]},
            third: {"name": "c", "chunks": [shared, shared]},
        },
    ).json()

    assert {c: (a["state"], a["missingChunks"]) for c, a in answer.items()} == {
        first: ("not_found", [shared]),
        second: ("not_found", [own_part, shared]),
        third: ("not_found", [shared]),
    }


def test_a_file_with_missing_chunks_does_not_delay_another() -> None:
    a_project()
    client, whole, half = a_client(), a_breakpad_file(), a_breakpad_file()
    send(client, whole)
    files = {
        Checksum.of(c).hex: {"name": "x.sym", "chunks": [Checksum.of(c).hex]}
        for c in (whole, half)
    }

    answer = assemble(client, files).json()

    assert answer[Checksum.of(half).hex]["state"] == "not_found"
    assert answer[Checksum.of(whole).hex]["state"] in {"assembling", "ok"}
    assert standing(client, whole)["state"] == "ok"


def test_wrong_chunks_are_an_error_until_the_right_ones_are_named() -> None:
    project, client = a_project(), a_client()
    content = a_breakpad_file()
    right, wrong = pieces(content, 50), pieces(content, 50)[::-1]
    own(project, *right)
    checksum = Checksum.of(content).hex

    def offered(chunks: list[bytes]) -> tuple[str, str | None]:
        names = [Checksum.of(chunk).hex for chunk in chunks]
        answer = assemble(client, {checksum: {"name": "x.sym", "chunks": names}})
        found = answer.json()[checksum]
        return found["state"], found["detail"]

    assert offered(wrong) == ("error", "Reported checksum mismatch")
    assert offered(wrong) == ("error", "Reported checksum mismatch")
    assert offered(right) == ("ok", None)


def test_a_file_of_one_chunk_has_the_checksum_of_that_chunk() -> None:
    project, client = a_project(), a_client()
    content = a_breakpad_file()
    own(project, content)
    lie = Checksum.of(b"something else").hex

    answer = assemble(
        client, {lie: {"name": "x", "chunks": [Checksum.of(content).hex]}}
    ).json()

    assert answer[lie]["state"] == "error"
    assert answer[lie]["detail"] == "Reported checksum mismatch"


def test_repeated_chunks_count_towards_the_maximum_size(
    settings: Settings, disk: Path
) -> None:
    settings.MAX_FILE_SIZE = 8 * 100
    project, client = a_project(), a_client()
    chunk = a_breakpad_file()[:100]
    own(project, chunk)
    for blob in disk.glob("??/??/*"):
        blob.unlink()

    found = assembled(client, [chunk] * 9)

    assert found["state"] == "error"
    assert found["detail"] == "File x.sym exceeds maximum size (900 > 800)"


def test_a_file_of_exactly_the_maximum_size_is_accepted(settings: Settings) -> None:
    settings.MAX_FILE_SIZE = 8 * 100
    project, client = a_project(), a_client()
    chunk = a_breakpad_file()[:100]
    own(project, chunk)

    assert assembled(client, [chunk] * 8)["state"] == "ok"
