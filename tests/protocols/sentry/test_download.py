"""Debug files are downloaded unchanged."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.factories import (
    Answer,
    a_client,
    a_debug_file,
    a_file,
    a_mapping,
    a_project,
    files_url,
    upload,
)

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

CRASH = DebugId(UUID("67e9247c-814e-392b-a027-dbde6748fcbf"), 1)


def download(row: DebugFile, **headers: str) -> Answer:
    return a_client().get(files_url(), {"id": str(row.pk)}, headers=headers)


@pytest.mark.upstream(58, 59)
@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE, Scope.ADMIN])
def test_a_download_has_the_bytes_and_is_named_by_the_debug_id(
    scope: Scope,
) -> None:
    project = a_project()
    name = "/proguard/67e9247c-814e-392b-a027-dbde6748fcbf.txt"
    found = upload(a_client(), a_mapping(), name=name)

    answer = a_client(scopes=[scope], project=project).get(
        files_url(), {"id": found["dif"]["id"]}
    )

    assert answer.status_code == 200
    assert answer.getvalue() == a_mapping()
    assert dict(answer.items()) == {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(a_mapping())),
        "Content-Disposition": (
            'attachment; filename="67e9247c-814e-392b-a027-dbde6748fcbf.txt"'
        ),
        "ETag": f'"{Checksum.of(a_mapping())}"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.upstream(60)
def test_an_upload_token_cannot_download_and_the_error_names_the_scopes() -> None:
    row = a_debug_file(a_project())

    answer = a_client(scopes=[Scope.CI, Scope.RELEASES]).get(
        files_url(), {"id": row.pk}
    )

    assert answer.status_code == 403
    assert answer.json() == {
        "detail": (
            "This token may not download debug files: it needs one of the scopes "
            "project:read, project:write, project:admin."
        )
    }


@pytest.mark.parametrize(
    ("differing", "name"),
    [
        ({"format": Format.ELF, "kind": "exe"}, ""),
        ({"format": Format.ELF, "kind": "lib"}, ".debug"),
        ({"format": Format.ELF, "kind": "dbg"}, ".debug"),
        ({"format": Format.MACHO, "kind": "dbg"}, ".debug"),
        ({"format": Format.MACHO, "kind": "exe"}, ""),
        ({"format": Format.PE, "kind": "exe"}, ".exe"),
        ({"format": Format.PE, "kind": "lib"}, ".dll"),
        ({"format": Format.PDB}, ".pdb"),
        ({"format": Format.PORTABLE_PDB}, ".pdb"),
        ({"format": Format.BREAKPAD}, ".sym"),
        ({"format": Format.WASM, "kind": "lib"}, ".wasm"),
        ({"format": Format.SOURCE_BUNDLE, "kind": "src"}, ".src.zip"),
        ({"format": Format.PROGUARD, "kind": None}, ".txt"),
    ],
)
def test_a_download_is_named_by_id_and_format(
    differing: dict[str, Any], name: str
) -> None:
    row = a_debug_file(a_project(), debug_id=CRASH, **differing)

    answer = download(row)

    assert answer["Content-Disposition"] == (
        f'attachment; filename="67e9247c-814e-392b-a027-dbde6748fcbf-1{name}"'
    )


def test_a_file_of_many_chunks_is_one_stream() -> None:
    project = a_project()
    chunks = [b"first", b"second " * 400_000, b"first", b"last"]
    file = a_file(project, *chunks)
    row = a_debug_file(project)
    DebugFile.objects.filter(pk=row.pk).update(file=file)

    answer = download(row)

    assert answer.streaming
    blocks = list(answer.streaming_content)
    assert b"".join(blocks) == b"".join(chunks)
    assert max(map(len, blocks)) <= 1 << 20
    assert answer["Content-Length"] == str(sum(map(len, chunks)))


def test_head_returns_the_headers_of_get() -> None:
    row = a_debug_file(a_project(), b"content")
    client = a_client()

    got = client.get(files_url(), {"id": row.pk})
    head = client.head(files_url(), {"id": row.pk})

    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.items()) == dict(got.items())


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_a_matching_etag_gets_not_modified(known: str, method: str) -> None:
    row = a_debug_file(a_project(), b"content")
    tag = known.format(Checksum.of(b"content"))

    answer = getattr(a_client(), method)(
        files_url(), {"id": row.pk}, headers={"If-None-Match": tag}
    )

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == f'"{Checksum.of(b"content")}"'


@pytest.mark.parametrize("known", ['"other"', "content", "", '"'])
def test_another_etag_gets_the_content(known: str) -> None:
    row = a_debug_file(a_project(), b"content")

    answer = download(row, **{"If-None-Match": known})

    assert (answer.status_code, answer.getvalue()) == (200, b"content")


@pytest.mark.parametrize(
    "row_id", ["0", "4711", "-1", "abc", "1.0", "²", "\x00", "9" * 19, "9" * 5000]
)
def test_an_unknown_id_is_not_found(row_id: str) -> None:
    a_debug_file(a_project())

    answer = a_client().get(files_url(), {"id": row_id})

    assert answer.status_code == 404
    assert answer.json() == {
        "detail": f"There is no debug file {row_id!r} in this project."
    }


def test_a_file_of_another_project_is_not_found() -> None:
    a_project()
    theirs = a_debug_file(a_project("other"))

    assert download(theirs).status_code == 404


def test_a_superseded_file_can_be_downloaded_by_its_id() -> None:
    project = a_project()
    old = a_debug_file(project, b"old", debug_id=CRASH)
    new = a_debug_file(project, b"new", debug_id=CRASH)

    assert download(old).getvalue() == b"old"
    assert download(new).getvalue() == b"new"


def test_a_file_with_lost_blobs_is_an_error() -> None:
    row = a_debug_file(a_project(), b"content")
    checksum = Checksum.of(b"content")
    blob_store().delete(checksum)

    answer = download(row)

    assert answer.status_code == 404
    assert answer.json() == {
        "detail": f"The stored bytes of this file are damaged or gone ({checksum}). "
        "Upload it again to repair it."
    }


def test_a_storage_failure_is_not_reported_as_a_missing_file(disk: Path) -> None:
    row = a_debug_file(a_project(), b"content")
    disk.rename(disk.with_name("away"))
    disk.write_text("a file where a folder should be")

    answer = download(row)

    assert answer.status_code == 503
    assert answer.json() == {
        "detail": "The storage does not answer. Try again in a moment."
    }
