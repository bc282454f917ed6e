"""Broken connections and storage failures keep the chunks that are complete."""

import gzip
from pathlib import Path

import pytest
from pytest_django import Settings
from tests.factories import a_client, send
from tests.protocols.sentry.multipart import (
    Part,
    body_of,
    called,
    gzipped,
    kept,
    post,
    post_body,
)

pytestmark = pytest.mark.django_db

FIRST, SECOND = b"first " * 100, b"second " * 100


@pytest.mark.parametrize("cut", [0, 1, 30, 90, 200, 250, 500])
def test_a_truncated_body_is_refused_and_keeps_the_part_before(cut: int) -> None:
    body = body_of(Part(FIRST), Part(SECOND))
    end = body.index(FIRST) + len(FIRST) + len(b"\r\n--frontier\r\n") + cut

    answer = post_body(a_client(), body[:end], announced_bytes=len(body))

    assert answer.status_code == 400
    assert answer.json() == {"error": "Incomplete multipart body"}
    assert kept() == called(FIRST)


def test_a_truncated_gzip_part_is_not_stored() -> None:
    packed = gzip.compress(SECOND)
    body = body_of(Part(FIRST), gzipped(SECOND, packed=packed))
    half = body[: body.index(packed) + len(packed) // 2]

    answer = post_body(a_client(), half, announced_bytes=len(body))

    assert answer.status_code == 400
    assert answer.json() == {"error": "Incomplete multipart body"}
    assert kept() == called(FIRST)


def test_a_body_without_its_last_boundary_is_incomplete() -> None:
    body = body_of(Part(FIRST), Part(SECOND)).removesuffix(b"--frontier--\r\n")

    answer = post_body(a_client(), body)

    assert answer.status_code == 400
    assert answer.json() == {"error": "Incomplete multipart body"}
    assert kept() == called(FIRST)


def test_a_malformed_part_keeps_the_parts_before_it() -> None:
    body = body_of(Part(FIRST), Part(b"&&&&"))
    head = b"Content-Type: application/octet-stream\r\n"
    last = body.rindex(head)
    transfer = b"Content-Transfer-Encoding: base64\r\n"

    answer = post_body(a_client(), body[:last] + transfer + body[last:])

    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid multipart body"}
    assert kept() == called(FIRST)


def test_no_truncated_part_is_stored_wherever_a_body_ends() -> None:
    client, contents = a_client(), [b"aaaa", b"bbbb", b"cccc"]
    body = body_of(*(Part(content) for content in contents))

    answers = [
        post_body(client, body[:end], announced_bytes=len(body))
        for end in range(7, len(body), 7)
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert kept().items() <= called(*contents).items()


def test_a_request_can_be_repeated_after_a_broken_connection() -> None:
    client, body = a_client(), body_of(Part(FIRST), Part(SECOND))
    post_body(client, body[: body.index(SECOND) + 3], announced_bytes=len(body))

    answer = post_body(client, body)

    assert answer.status_code == 200
    assert kept() == called(FIRST, SECOND)


def test_a_truncated_part_leaves_no_file(disk: Path) -> None:
    body = body_of(Part(FIRST), Part(SECOND))

    post_body(a_client(), body[: body.index(SECOND) + 3], announced_bytes=len(body))

    assert [p.name for p in disk.rglob("?" * 40) if p.is_file()] == list(called(FIRST))


def test_a_storage_failure_is_a_503_that_can_be_retried(
    disk: Path,
) -> None:
    disk.write_text("no folder can be made here")
    client = a_client()

    answer = send(client, FIRST)

    assert answer.status_code == 503
    assert answer.json() == {
        "detail": "The storage does not answer. Try again in a moment."
    }
    assert answer["Retry-After"] == "1"
    disk.unlink()
    assert send(client, FIRST).status_code == 200
    assert kept() == called(FIRST)


def test_a_storage_failure_at_the_second_chunk_keeps_the_first(
    disk: Path, settings: Settings
) -> None:
    client = a_client()
    send(client, b"something, so that the folders are there")
    in_the_way = disk / next(iter(called(SECOND)))[:2]
    in_the_way.write_text("a file where a folder should be")

    answer = post(client, Part(FIRST), Part(SECOND))

    assert answer.status_code == 503
    assert "directory" not in answer.content.decode().lower()
    assert str(disk) not in answer.content.decode()
    assert kept().keys() >= called(FIRST).keys()
    assert not kept().keys() & called(SECOND).keys()
