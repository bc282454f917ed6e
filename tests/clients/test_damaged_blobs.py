"""Stored bytes that a disk has changed are never served: through all protocols."""

import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from tests.clients import builds, wire
from tests.clients.debuggers import build_id_of
from tests.clients.depot import Depot
from tests.clients.wire import Answer
from tests.fixtures import builders

REASON = re.compile(rb"bytes of this file are damaged or gone").search

pytestmark = [pytest.mark.server, pytest.mark.both_databases]


@pytest.fixture(scope="module")
def token(depot: Depot) -> str:
    return depot.told("token", "create", "default", "--url").strip()


def flip_a_bit(blob: Path) -> None:
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    rewrite(blob, bytes(content))


def cut_the_end(blob: Path) -> None:
    rewrite(blob, blob.read_bytes()[:-1])


def remove(blob: Path) -> None:
    blob.unlink()


def rewrite(blob: Path, content: bytes) -> None:
    """Write in place, as a disk does; blobs are read-only."""
    blob.chmod(0o600)
    blob.write_bytes(content)


@pytest.mark.parametrize(
    "fault",
    [(flip_a_bit, 1), (flip_a_bit, 3), (cut_the_end, 1), (cut_the_end, 3), (remove, 3)],
)
def test_damaged_bytes_are_refused_until_the_file_is_uploaded_again(
    depot: Depot,
    token: str,
    tmp_path: Path,
    fault: tuple[Callable[[Path], None], int],
) -> None:
    damage, chunks = fault
    program = builds.compiled(tmp_path)
    content = program.read_bytes()
    row_id = send(depot, content, chunks)["id"]
    paths = [
        f"/s/{token}/buildid/{build_id_of(program)}/debuginfo",
        f"/s/{token}/buildid/{build_id_of(program)}/section/.debug_line",
        f"{depot.wire.files_path}/dsyms/?id={row_id}",
    ]
    headers = [
        [],
        [("Range", "bytes=10-20")],
        [("Accept-Encoding", "gzip"), ("X-Forwarded-For", "203.0.113.7")],
        [("Accept-Encoding", "zstd"), ("X-Forwarded-For", "203.0.113.7")],
    ]
    if chunks > 1:
        # Verified already; the others have not been read since they came.
        assert {get(depot, path, []).status for path in paths} == {200}

    damage(blob_of(depot, middle_chunk(content, chunks)))
    answers = [get(depot, path, some) for path in paths for some in headers]

    assert {answer.status for answer in answers} == {404}
    assert all(REASON(answer.content) for answer in answers)

    row_id = send(depot, content, chunks)["id"]
    paths[-1] = f"{depot.wire.files_path}/dsyms/?id={row_id}"
    assert get(depot, paths[0], []).content == content
    assert get(depot, paths[-1], headers[1]).content == content[10:21]
    assert get(depot, paths[1], []).status == 200


def test_a_damaged_source_bundle_gives_no_source(
    depot: Depot, token: str, tmp_path: Path
) -> None:
    """The same for a part that is read out of an archive."""
    program = builds.compiled(tmp_path)
    bundle = builders.source_bundle(
        UUID(builds.debug_id(program)), {"/src/a.c": "int a;\n" * 100}
    )
    send(depot, bundle, 1)
    path = f"/s/{token}/buildid/{build_id_of(program)}/source/src/a.c"
    assert get(depot, path, []).status == 200

    flip_a_bit(blob_of(depot, bundle))

    assert get(depot, path, []).status == 404


def send(depot: Depot, content: bytes, chunks: int) -> dict[str, object]:
    """Upload a file in so many chunks; return its debug file."""
    size = -(-len(content) // chunks)
    offer = {
        wire.sha1(content): wire.described(content, name="a.debug", chunk_size=size)
    }
    depot.wire.assemble(offer)
    assert depot.wire.send(*wire.pieces(content, size)).status == 200
    while (status := depot.wire.assemble(offer)[wire.sha1(content)])["state"] != "ok":
        assert status["state"] in {"created", "assembling"}, status
    found: dict[str, object] = status["dif"]
    return found


def middle_chunk(content: bytes, chunks: int) -> bytes:
    return wire.pieces(content, -(-len(content) // chunks))[chunks // 2]


def blob_of(depot: Depot, chunk: bytes) -> Path:
    checksum = wire.sha1(chunk)
    return depot.blobs / checksum[:2] / checksum[2:4] / checksum


def get(depot: Depot, path: str, headers: list[tuple[str, str]]) -> Answer:
    return depot.wire.ask("GET", path, headers=headers)
