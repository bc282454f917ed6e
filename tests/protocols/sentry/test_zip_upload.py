"""Uploads of debug files in a zip."""

import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from tests.factories import (
    PIECE_BYTES,
    a_breakpad_file,
    a_client,
    a_mapping,
    a_project,
    files_url,
    standing,
    upload,
)
from tests.fixtures import builders
from tests.protocols.sentry.zip_uploads import posted, zipped
from tests.row_ages import age_assemblies
from tests.task_queues import HeldQueue

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import upload_requests
from symdepot.projects.models import Project
from symdepot.uploads.models import Assembly, Chunk

pytestmark = pytest.mark.django_db

ID = "67e9247c-814e-392b-a027-dbde6748fcbf"


@pytest.mark.upstream(54)
@pytest.mark.parametrize("name", [f"proguard/{ID}.txt", f"proguard/mapping-{ID}.txt"])
def test_a_proguard_mapping_in_a_zip_is_a_debug_file(name: str) -> None:
    answer = posted(zipped({name: a_mapping()}))

    assert answer.status_code == 201
    [row] = answer.json()
    assert row == {
        "id": str(DebugFile.objects.get().pk),
        "uuid": ID,
        "debugId": ID,
        "codeId": None,
        "cpuName": "any",
        "objectName": "proguard-mapping",
        "symbolType": "proguard",
        "headers": {"Content-Type": "text/x-proguard+plain"},
        "size": len(a_mapping()),
        "sha1": Checksum.of(a_mapping()).hex,
        "dateCreated": row["dateCreated"],
        "symcache": None,
        "data": {"type": None, "features": ["mapping"]},
    }


def test_a_zip_is_received_into_a_file_that_no_killed_process_leaves(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    received: list[tuple[int, list[Path]]] = []
    upload_zip = upload_requests.upload_zip

    def note_files(project: Project, archive: IO[bytes], **caller: Any) -> object:
        folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
        received.append((os.fstat(archive.fileno()).st_nlink, list(folder.iterdir())))
        return upload_zip(project, archive, **caller)

    settings.FILE_UPLOAD_TEMP_DIR = str(settings.SCRATCH_DIR)
    settings.SCRATCH_DIR.mkdir()
    monkeypatch.setattr(upload_requests, "upload_zip", note_files)

    answer = posted(zipped({"hello.sym": a_breakpad_file()}))

    assert answer.status_code == 201
    assert received == [(0, [])]


def test_debug_files_in_folders_of_a_zip_are_found() -> None:
    archive = zipped(
        {
            "a/b/hello.sym": a_breakpad_file(),
            "App.dSYM/Contents/Resources/DWARF/App": builders.macho(UUID(ID)),
            "App.pdb": builders.pdb(UUID(int=7)),
            "empty/": b"",
            "empty.sym": b"",
            "README.txt": b"no debug file, passed over",
        }
    )

    answer = posted(archive)

    assert answer.status_code == 201
    assert {(row["objectName"], row["symbolType"]) for row in answer.json()} == {
        ("hello", "breakpad"),
        ("App", "macho"),
        ("App.pdb", "pdb"),
    }


def test_known_files_are_not_in_the_response() -> None:
    a_project()
    known, new = a_breakpad_file(), a_breakpad_file()
    upload(a_client(), known)

    answer = posted(zipped({"known.sym": known, "new.sym": new}))

    assert [row["sha1"] for row in answer.json()] == [Checksum.of(new).hex]
    assert posted(zipped({"known.sym": known, "new.sym": new})).json() == []


def test_an_empty_zip_is_accepted() -> None:
    answer = posted(zipped({}))

    assert (answer.status_code, answer.json()) == (201, [])


def test_the_same_file_under_two_names_is_one_debug_file() -> None:
    content = a_breakpad_file()

    answer = posted(zipped({"one.sym": content, "two.sym": content}))

    assert len(answer.json()) == DebugFile.objects.count() == 1


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_zip_may_use_any_compression_of_python(compression: int) -> None:
    archive = zipped({"hello.sym": a_breakpad_file()}, compression)

    assert [row["objectName"] for row in posted(archive).json()] == ["hello"]


def test_a_file_from_a_zip_shares_chunks_with_a_chunk_upload() -> None:
    a_project()
    content = a_breakpad_file(at_least_bytes=2 * PIECE_BYTES)
    posted(zipped({"hello.sym": content}))
    DebugFile.objects.all().delete()

    found = standing(a_client(), content)

    assert found["missingChunks"] == []
    assert Chunk.objects.count() == 3


def test_a_slow_zip_is_processed_after_the_response(
    held_queue: HeldQueue, settings: Settings
) -> None:
    answer = posted(zipped({"hello.sym": a_breakpad_file()}))
    assert (answer.status_code, answer.json()) == (201, [])

    age_assemblies(timedelta(hours=1))
    assert upload_requests.requeue_abandoned() == 1
    held_queue.work()

    assert DebugFile.objects.get().object_name == "hello"


def test_a_form_without_a_file_is_refused() -> None:
    a_project()

    answers = [
        a_client().post(files_url(), {}),
        a_client().post(files_url(), {"other": SimpleUploadedFile("a.zip", b"x")}),
        a_client().post(files_url(), {"file": "no file"}),
        a_client().post(files_url(), b"{}", content_type="application/json"),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert [answer.json() for answer in answers] == [
        {"error": "Missing uploaded file"}
    ] * 4


def test_a_file_without_an_id_in_a_zip_is_skipped() -> None:
    answer = posted(
        zipped({"nil.sym": a_breakpad_file("0" * 33), "ok.sym": a_breakpad_file()})
    )

    assert [row["objectName"] for row in answer.json()] == ["ok"]


FAT = builders.fat_macho(
    [(UUID(ID), builders.CPU_X86_64), (UUID(int=7), builders.CPU_ARM64)]
)


def test_a_fat_file_becomes_one_debug_file_per_architecture() -> None:
    answer = posted(zipped({"App.dSYM/Contents/Resources/DWARF/App": FAT}))

    rows = {row["cpuName"]: row for row in answer.json()}
    assert {cpu: row["uuid"] for cpu, row in rows.items()} == {
        "x86_64": ID,
        "arm64": str(UUID(int=7)),
    }
    for cpu, uuid in (("x86_64", UUID(ID)), ("arm64", UUID(int=7))):
        thin = builders.macho(uuid, getattr(builders, f"CPU_{cpu.upper()}"))
        row = rows[cpu]
        content = a_client().get(files_url(), {"id": row["id"]}).getvalue()
        assert content == thin.ljust(64, b"\0")
        assert row["objectName"] == "App"
        assert (row["sha1"], row["size"]) == (Checksum.of(content).hex, len(content))


def test_a_known_fat_file_adds_nothing() -> None:
    posted(zipped({"App": FAT}))

    assert posted(zipped({"App": FAT})).json() == []
    assert DebugFile.objects.count() == 2
    assert not Assembly.objects.exclude(state="ok").exists()


def test_slices_from_a_zip_equal_those_of_a_chunk_upload() -> None:
    thin = builders.macho(UUID(ID)).ljust(64, b"\0")
    posted(zipped({"App": FAT}))

    assert standing(a_client(), thin, name="App")["state"] == "ok"
    query = {"checksums": [Checksum.of(thin).hex, Checksum.of(FAT).hex]}
    unknown = a_client().get(files_url("dsyms/unknown/"), query)
    assert unknown.json() == {"missing": [Checksum.of(FAT).hex]}


def test_a_fat_file_with_an_invalid_header_is_skipped() -> None:
    lying = bytearray(FAT)
    lying[36:40] = b"\0\0\0\x40"  # where the first slice begins, too

    answer = posted(zipped({"App": bytes(lying), "ok.sym": a_breakpad_file()}))

    assert [row["objectName"] for row in answer.json()] == ["ok"]


def test_a_java_class_is_skipped() -> None:
    java = b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(500)

    answer = posted(zipped({"Main.class": java, "ok.sym": a_breakpad_file()}))

    assert [row["objectName"] for row in answer.json()] == ["ok"]


def test_mappings_in_a_zip_need_their_id_as_name() -> None:
    archive = zipped(
        {
            f"maps/{ID}.plist": builders.uuid_map(UUID(int=7)),
            f"maps/{ID}.bcsymbolmap": builders.bc_symbol_map("_main"),
            "dartsymbolmap.json": builders.dart_map("_Main", "a"),
        }
    )

    answer = posted(archive)

    assert [(row["symbolType"], row["uuid"]) for row in answer.json()] == [
        ("uuidmap", ID)
    ]


def test_a_mapping_is_found_though_the_zip_has_it_under_another_name_first() -> None:
    archive = zipped({"mapping.txt": a_mapping(), f"proguard/{ID}.txt": a_mapping()})

    assert [row["uuid"] for row in posted(archive).json()] == [ID]


def test_the_same_content_under_many_names_is_inspected_once(
    held_queue: HeldQueue,
) -> None:
    posted(zipped({f"{n}/README.txt": b"no debug file" for n in range(20)}))

    assert len(held_queue.assemblies) == 1
