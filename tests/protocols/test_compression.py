"""Files are compressed on their way, for those who ask and where it is a gain."""

import gzip
import secrets
import sys
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from tests.factories import Answer, a_client, a_debug_file, a_file, a_project, files_url

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, CodeId
from symdepot.projects import organizations

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
FAR = "81.2.69.142"
NOISE = secrets.token_bytes(40_000)
TEXT = b"FUNC 1000 10 0 main\n" * 100_000
ETAG = f'"{Checksum.of(TEXT)}"'
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
}


def a_row(*parts: bytes) -> DebugFile:
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    row = a_debug_file(project, code_id=BUILD_ID)
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *parts))
    return row


def download(accepted: str, content: bytes = TEXT, /, **headers: str) -> Answer:
    """Ask for a file of `content`, as somebody who is far away."""
    row = a_row(content)
    headers = {"Accept-Encoding": accepted, **headers}
    return far(a_client(), f"{files_url()}?id={row.pk}", **headers)


def far(client: Client, path: str, method: str = "GET", **headers: str) -> Answer:
    return client.generic(method, path, headers=headers, REMOTE_ADDR=FAR)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("deflate, gzip, br, zstd", "zstd"),
        ("GZIP", "gzip"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip ; q=0.1", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("identity;q=0.5, gzip", "gzip"),
    ],
)
def test_a_far_client_is_sent_what_it_likes_best(accepted: str, coding: str) -> None:
    answer = download(accepted)

    sent = answer.getvalue()
    assert answer.status_code == 200
    assert answer["Content-Encoding"] == coding
    assert UNPACK[coding](sent) == TEXT
    assert len(sent) < len(TEXT) / 10
    assert "Content-Length" not in answer
    assert (answer["ETag"], answer["Vary"]) == (f"W/{ETAG}", "Accept-Encoding")


@pytest.mark.parametrize(
    "accepted",
    [
        "",
        "identity",
        "br, deflate",
        "*",
        "gzip;q=0",
        "gzip;q=0.000, zstd;q=0",
        "identity, gzip;q=0.5",
        "gzip;q=high",
        "gzip;q=",
        ",;,",
    ],
)
def test_nobody_else_is_sent_anything_but_the_bytes(accepted: str) -> None:
    answer = download(accepted)

    assert answer.getvalue() == TEXT
    assert "Content-Encoding" not in answer
    assert answer["Content-Length"] == str(len(TEXT))
    assert (answer["ETag"], answer["Vary"]) == (ETAG, "Accept-Encoding")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_wish_is_a_fault(accepted: str) -> None:
    assert download(accepted, b"x" * 20_000).status_code == 200


@pytest.mark.parametrize(
    ("address", "forwarded", "is_compressed"),
    [
        ("127.0.0.1", "", False),
        ("10.1.2.3", "", False),
        ("127.0.0.1", FAR, True),
        ("127.0.0.1", "10.1.2.3", False),
        (FAR, "", True),
    ],
)
def test_who_is_near_is_sent_the_bytes_as_they_are(
    address: str, forwarded: str, *, is_compressed: bool
) -> None:
    headers = {"Accept-Encoding": "gzip", "X-Forwarded-For": forwarded}

    answer = a_client().get(
        files_url(), {"id": a_row(TEXT).pk}, headers=headers, REMOTE_ADDR=address
    )

    assert ("Content-Encoding" in answer) == is_compressed


@pytest.mark.parametrize(
    ("chosen", "address", "is_compressed"),
    [("always", "127.0.0.1", True), ("none", FAR, False)],
)
def test_an_operator_has_the_last_word(
    settings: Settings, chosen: str, address: str, *, is_compressed: bool
) -> None:
    settings.DOWNLOAD_COMPRESSION = chosen

    answer = a_client().get(
        files_url(),
        {"id": a_row(TEXT).pk},
        headers={"Accept-Encoding": "gzip"},
        REMOTE_ADDR=address,
    )

    assert ("Content-Encoding" in answer) == is_compressed
    assert ("Vary" in answer) == is_compressed


def test_what_is_small_comes_in_one_piece_anyway() -> None:
    answer = download("gzip", TEXT[:16_000])

    assert answer.getvalue() == TEXT[:16_000]
    assert "Content-Encoding" not in answer
    assert "Vary" not in answer


def test_what_is_compressed_already_is_not_compressed_again() -> None:
    packed = TEXT[:5_000] + NOISE + TEXT[:5_000]

    answer = download("gzip", packed)

    assert answer.getvalue() == packed
    assert "Content-Encoding" not in answer
    assert answer["ETag"] == f'"{Checksum.of(packed)}"'


@pytest.mark.parametrize("asked", ["bytes=5-9", "bytes=0-134217727", "bytes=5-4"])
def test_whoever_asks_for_a_range_means_the_bytes_themselves(asked: str) -> None:
    answer = download("gzip", Range=asked)

    assert "Content-Encoding" not in answer
    assert answer["ETag"] == ETAG
    assert answer.getvalue() in {TEXT[5:10], TEXT}


def test_a_compressed_file_cannot_be_gone_on_with() -> None:
    answer = download("gzip", Range="bytes=5-9", **{"If-Range": f"W/{ETAG}"})

    assert (answer.status_code, answer.getvalue()) == (200, TEXT)


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", "*", f'"x", W/{ETAG}'])
def test_who_has_it_either_way_is_told_so(known: str) -> None:
    answer = download("gzip", **{"If-None-Match": known})

    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer["ETag"], answer["Vary"]) == (f"W/{ETAG}", "Accept-Encoding")
    assert "Content-Encoding" not in answer


def test_head_says_what_get_would() -> None:
    row = a_row(TEXT)
    path = f"/buildid/{row.code_id}/debuginfo"

    got, head = (
        far(Client(), path, method, **{"Accept-Encoding": "zstd"})
        for method in ("GET", "HEAD")
    )

    assert dict(got.items()) == dict(head.items())
    assert head.content == b""
    assert head["Content-Encoding"] == "zstd"


def test_a_debugger_is_told_the_size_of_what_it_will_have() -> None:
    a_row(TEXT)

    answer = far(
        Client(),
        f"/buildid/{BUILD_ID}/debuginfo",
        **{"Accept-Encoding": "deflate, gzip, br, zstd"},
    )

    assert zstd.decompress(answer.getvalue()) == TEXT
    assert answer["X-DEBUGINFOD-SIZE"] == str(len(TEXT))


def test_a_file_of_several_chunks_is_compressed_as_one_stream() -> None:
    parts = [TEXT[start : start + 300_000] for start in range(0, len(TEXT), 300_000)]
    a_row(*parts)

    answer = far(
        Client(), f"/buildid/{BUILD_ID}/debuginfo", **{"Accept-Encoding": "gzip"}
    )

    assert gzip.decompress(answer.getvalue()) == TEXT
