"""Properties of uploads by chunks, through the HTTP API, with random lists of chunks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import batched

import pytest
from django.test import Client
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.factories import (
    Answer,
    a_breakpad_file,
    a_client,
    a_project,
    assemble,
    files_url,
    own,
    send,
)
from tests.protocols.sentry.multipart import called, gzipped, kept, post

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, File, FileChunk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

LINES = [b"FUNC 1000 10 0 main\n", b"INFO x\n", b"\n", b"STACK CFI 10 .cfa: $rsp\n"]


@dataclass(frozen=True)
class Upload:
    """Files, each as the list of its chunks; and how the chunks are sent."""

    files: tuple[tuple[bytes, ...], ...]
    a_request: int
    packed: bool

    @property
    def contents(self) -> dict[str, bytes]:
        """Content of each file, by checksum."""
        wholes = [b"".join(chunks) for chunks in self.files]
        return {Checksum.of(whole).hex: whole for whole in wholes}

    @property
    def chunks(self) -> list[bytes]:
        """All chunks, each once."""
        return list(dict.fromkeys(chunk for chunks in self.files for chunk in chunks))


@st.composite
def uploads(draw: st.DrawFn) -> Upload:
    """Draw files whose chunks are drawn from one pool, so that they share some.

    The first chunk of each file says that it is a symbol file. The others are lines or
    any digits: readers insist on text. Some files are that first chunk alone.
    """
    digits = st.binary(min_size=1, max_size=32).map(lambda some: some.hex().encode())
    anything = digits | st.sampled_from(LINES)
    pool = draw(st.lists(anything, min_size=1, max_size=6))
    tails = draw(
        st.lists(st.lists(st.sampled_from(pool), max_size=10), min_size=1, max_size=3)
    )
    files = tuple((a_breakpad_file() + b"INFO ", *tail) for tail in tails)
    return Upload(files, draw(st.integers(1, 8)), draw(st.booleans()))


def named(chunks: Iterable[bytes]) -> list[str]:
    return [Checksum.of(chunk).hex for chunk in chunks]


def request(client: Client, upload: Upload) -> dict[str, Answer]:
    files = {
        Checksum.of(b"".join(chunks)).hex: {"name": "x.sym", "chunks": named(chunks)}
        for chunks in upload.files
    }
    answer: dict[str, Answer] = assemble(client, files).json()
    return answer


def missing(upload: Upload, answer: dict[str, Answer]) -> list[bytes]:
    """Return what the files of an answer lack; what several lack, that often."""
    by_name = dict(zip(named(upload.chunks), upload.chunks, strict=True))
    return [by_name[c] for found in answer.values() for c in found["missingChunks"]]


def send_all(client: Client, upload: Upload, chunks: Iterable[bytes]) -> None:
    for some in batched(chunks, upload.a_request):
        if upload.packed:
            sent = post(client, *(gzipped(chunk) for chunk in some))
        else:
            sent = send(client, *some)
        assert sent.status_code == 200


def downloaded(client: Client, row_id: str) -> bytes:
    content: bytes = client.get(files_url(), {"id": row_id}).getvalue()
    return content


@given(uploads())
def test_any_chunks_with_repeats_assemble_to_the_same_bytes(
    upload: Upload,
) -> None:
    a_project()
    client = a_client()

    first = request(client, upload)
    send_all(client, upload, missing(upload, first))
    second = request(client, upload)

    assert {found["state"] for found in first.values()} == {"not_found"}
    assert {c: found["state"] for c, found in second.items()} == dict.fromkeys(
        upload.contents, "ok"
    )
    rows = {c: found["dif"]["id"] for c, found in second.items()}
    assert {c: downloaded(client, row) for c, row in rows.items()} == upload.contents


@given(uploads())
def test_shared_chunks_are_deleted_with_the_last_file(
    upload: Upload,
) -> None:
    a_project()
    client = a_client()
    # Each once: a chunk that is sent again after its file is finished is not deleted.
    send_all(client, upload, dict.fromkeys(missing(upload, request(client, upload))))
    rows = {c: found["dif"]["id"] for c, found in request(client, upload).items()}
    left = upload.contents

    assert kept().items() >= called(*upload.chunks).items()
    for checksum, row in rows.items():
        assert client.delete(files_url() + f"?id={row}").status_code == 204
        del left[checksum]
        assert {c: downloaded(client, rows[c]) for c in left} == left

    lost = Chunk.objects.filter(checksum__in=named(upload.chunks))
    assert not lost.exists()
    assert not set(blob_store()) & {Checksum(c) for c in named(upload.chunks)}


@given(
    chunks=st.lists(st.sampled_from(LINES), min_size=2, max_size=8),
    other=st.data(),
)
def test_another_order_or_number_of_chunks_is_a_checksum_mismatch(
    chunks: list[bytes], other: st.DataObject
) -> None:
    project, client = a_project(), a_client()
    right = [a_breakpad_file(), *chunks]
    wrong = other.draw(
        st.permutations(right)
        | st.lists(st.sampled_from(right), min_size=1, max_size=12)
        | st.integers(0, len(right) - 1).map(lambda n: [*right[:n], *right[n + 1 :]])
        | st.integers(0, len(right) - 1).map(lambda n: [*right[: n + 1], *right[n:]])
    )
    assume(b"".join(wrong) != b"".join(right))
    own(project, *right)
    checksum = Checksum.of(b"".join(right)).hex

    def standing(listed: Sequence[bytes]) -> tuple[str, str | None]:
        requests = {checksum: {"name": "x.sym", "chunks": named(listed)}}
        found = assemble(client, requests).json()[checksum]
        return found["state"], found["detail"]

    refused = ("error", "Reported checksum mismatch")
    assert [standing(wrong), standing(wrong)] == [refused, refused]
    assert not File.objects.filter(checksum=checksum).exists()
    assert standing(right) == ("ok", None)
    assert standing(wrong) == ("ok", None)
    places = FileChunk.objects.filter(file__checksum=checksum).order_by("position")
    assert list(places.values_list("chunk__checksum", flat=True)) == named(right)
