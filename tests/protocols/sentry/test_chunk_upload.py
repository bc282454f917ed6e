"""Chunk uploads: what is stored, and what is refused."""

import secrets

import pytest
from django.test import Client
from pytest_django import Settings
from tests.factories import a_client, a_part, chunk_url, send
from tests.protocols.sentry.multipart import (
    Part,
    body_of,
    called,
    gzipped,
    kept,
    post,
    post_body,
)

from symdepot.blobs.configured import blob_store
from symdepot.uploads.models import Chunk

pytestmark = pytest.mark.django_db


@pytest.mark.upstream(29)
def test_two_chunks_of_a_request_are_stored_under_their_checksums() -> None:
    client = a_client()

    answer = send(client, b"one", b"another")

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept() == called(b"one", b"another")


@pytest.mark.upstream(30)
def test_a_request_without_a_file_is_accepted_and_stores_nothing() -> None:
    answer = a_client().post(chunk_url(), {})

    assert (answer.status_code, answer.content) == (200, b"")
    assert kept() == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"file": "x"}'),
        ("application/x-www-form-urlencoded", b"file=x"),
        ("", b"whatever"),
    ],
)
def test_a_body_that_is_not_multipart_is_refused(
    content_type: str, body: bytes
) -> None:
    answer = post_body(a_client(), body, content_type=content_type)

    assert answer.status_code == 400
    assert answer.json() == {"error": "The body is not a multipart form."}
    assert kept() == {}


@pytest.mark.upstream(31)
def test_the_65th_chunk_is_refused_and_the_first_64_are_stored() -> None:
    contents = [b"chunk %d" % n for n in range(65)]

    answer = send(a_client(), *contents)

    assert (answer.status_code, answer.json()) == (400, {"error": "Too many chunks"})
    assert kept() == called(*contents[:64])


@pytest.mark.upstream(32)
def test_64_chunks_may_fill_a_request_to_the_last_byte() -> None:
    contents = [secrets.token_bytes(65536) for _ in range(64)]
    assert sum(map(len, contents)) == 4 << 20

    answer = send(a_client(), *contents)

    assert answer.status_code == 200
    assert kept() == called(*contents)


@pytest.mark.upstream(32)
def test_a_request_of_one_byte_too_many_is_refused() -> None:
    contents = [secrets.token_bytes(65536) for _ in range(63)]
    contents.append(secrets.token_bytes(65537))

    answer = send(a_client(), *contents)

    assert (answer.status_code, answer.json()) == (400, {"error": "Request too large"})
    assert kept() == called(*contents[:63])


def test_a_too_large_content_length_is_refused_before_the_body_is_read() -> None:
    client = a_client()

    answer = post_body(client, b"", announced_bytes=(5 << 20) + 1)

    assert (answer.status_code, answer.json()) == (400, {"error": "Request too large"})


@pytest.mark.parametrize("announced", ["many", "-1", "1e3", "9" * 5000])
def test_an_invalid_content_length_is_refused(announced: str) -> None:
    answer = post_body(a_client(), b"", announced_bytes=announced)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.upstream(33)
def test_a_chunk_has_a_maximum_size() -> None:
    exact, larger = secrets.token_bytes(1 << 20), secrets.token_bytes((1 << 20) + 1)

    answers = send(a_client(), exact), send(a_client(), larger)

    assert answers[0].status_code == 200
    assert answers[1].status_code == 400
    assert answers[1].json() == {"error": "Chunk size too large"}
    assert kept() == called(exact)


@pytest.mark.upstream(34)
@pytest.mark.parametrize(
    "name",
    [
        "0" * 40,
        "CAFE" * 10,
        "A9993E364706816ABA3E25717850C26C9CD0D89D",
        "a9993e364706816aba3e25717850c26c9cd0d89",
        "a9993e364706816aba3e25717850c26c9cd0d89d0",
        "hello.sym",
    ],
)
def test_a_chunk_with_a_wrong_checksum_is_refused(name: str) -> None:
    answer = post(a_client(), Part(b"abc", called=name))

    assert (answer.status_code, answer.json()) == (400, {"error": "Checksum mismatch"})
    assert (kept(), list(blob_store())) == ({}, [])


def test_a_part_without_a_file_name_is_ignored() -> None:
    answer = post(a_client(), Part(b"abc", called=""), Part(b"def"))

    assert answer.status_code == 200
    assert kept() == called(b"def")


def test_a_chunk_name_cannot_traverse_paths() -> None:
    name = "../../a9993e364706816aba3e25717850c26c9cd0d89d"

    answer = post(a_client(), Part(b"abc", called=name))

    assert answer.status_code == 200
    assert kept() == called(b"abc")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (Part(b"bad", called="0" * 40), "Checksum mismatch"),
        (Part(b"bad", called="no checksum"), "Checksum mismatch"),
        (Part(b"b" * ((1 << 20) + 1)), "Chunk size too large"),
        (gzipped(b"bad", packed=b"not gzip"), "Invalid gzip payload"),
        (gzipped(b"bad", packed=b""), "Invalid gzip payload"),
        (gzipped(b"b" * ((1 << 20) + 1)), "Chunk size too large"),
    ],
)
def test_a_refused_part_keeps_the_parts_before_it(bad: Part, text: str) -> None:
    client = a_client()

    answer = post(client, Part(b"one"), gzipped(b"two"), bad, Part(b"behind"))

    assert (answer.status_code, answer.json()) == (400, {"error": text})
    assert kept() == called(b"one", b"two")
    assert send(client, b"behind").status_code == 200


def test_the_first_error_is_reported() -> None:
    mismatch, garbage = Part(b"x", called="0" * 40), gzipped(b"y", packed=b"nonsense")

    answers = [
        post(a_client(), *parts).json()["error"]
        for parts in ((mismatch, garbage), (garbage, mismatch))
    ]

    assert answers == ["Checksum mismatch", "Invalid gzip payload"]


def test_the_same_chunk_twice_in_a_request_is_one_chunk() -> None:
    answer = post(a_client(), Part(b"same"), gzipped(b"same"), Part(b"same"))

    assert answer.status_code == 200
    assert kept() == called(b"same")
    assert Chunk.objects.count() == 1


def test_sending_a_chunk_again_only_updates_its_time() -> None:
    client = a_client()
    send(client, b"same")
    before = Chunk.objects.get()

    answer = send(client, b"same")

    after = Chunk.objects.get()
    assert answer.status_code == 200
    assert (after.pk, after.size_bytes) == (before.pk, 4)
    assert after.received_at > before.received_at


def test_organizations_that_send_the_same_chunk_share_its_row() -> None:
    send(a_client("acme"), b"same")
    send(a_client("other"), b"same", organization="other")

    assert kept("acme") == kept("other") == called(b"same")
    assert Chunk.objects.count() == 1


def test_a_field_of_another_name_is_a_raw_chunk() -> None:
    answer = post(a_client(), Part(b"raw", field="file_brotli"))

    assert answer.status_code == 200
    assert kept() == called(b"raw")


def test_a_chunk_may_be_larger_than_the_request_limit(settings: Settings) -> None:
    settings.MAX_REQUEST_SIZE = 1024
    content = secrets.token_bytes(1 << 20)

    answer = send(a_client(), content)

    assert answer.status_code == 200
    assert kept() == called(content)


def test_a_request_without_a_body_is_refused() -> None:
    answer = post_body(a_client(), b"")

    assert answer.status_code == 400
    assert answer.json() == {"error": "The request has no body."}


def test_an_invalid_multipart_body_is_refused() -> None:
    answer = post_body(a_client(), b"x", content_type="multipart/form-data")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid multipart body"}


@pytest.mark.parametrize("fields", [1001, 3000])
def test_too_many_form_fields_are_refused(fields: int) -> None:
    answer = a_client().post(chunk_url(), {f"field{n}": "x" for n in range(fields)})

    assert answer.status_code == 400
    assert answer.json() == {"error": "Invalid multipart body"}


def test_a_token_is_required_whatever_the_body_is() -> None:
    answer = Client().post(chunk_url(), {"file": a_part(b"abc")})

    assert answer.status_code == 401
    assert kept() == {}


def test_the_test_client_writes_valid_multipart() -> None:
    assert body_of(Part(b"x", called="n")).count(b"--frontier") == 2
