"""Old clients send debug files in a zip, and so do people."""

import zipfile
from datetime import timedelta
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
from tests.protocols.sentry.archives import posted, zipped
from tests.queueing import HeldQueue
from tests.waiting import let_pass

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import intake
from symdepot.uploads.models import Chunk

pytestmark = pytest.mark.django_db(transaction=True)

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
        "data": {"type": None, "features": ["mapping"]},
    }


def test_debug_files_of_several_formats_come_out_of_their_folders() -> None:
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


def test_what_the_project_has_is_left_out_of_the_answer() -> None:
    a_project()
    known, new = a_breakpad_file(), a_breakpad_file()
    upload(a_client(), known)

    answer = posted(zipped({"known.sym": known, "new.sym": new}))

    assert [row["sha1"] for row in answer.json()] == [Checksum.of(new).hex]
    assert posted(zipped({"known.sym": known, "new.sym": new})).json() == []


def test_an_empty_zip_brings_nothing() -> None:
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
def test_a_zip_may_be_compressed_in_any_way_that_python_reads(compression: int) -> None:
    archive = zipped({"hello.sym": a_breakpad_file()}, compression)

    assert [row["objectName"] for row in posted(archive).json()] == ["hello"]


def test_a_file_in_a_zip_shares_its_chunks_with_the_same_file_sent_in_chunks() -> None:
    a_project()
    content = a_breakpad_file(at_least_bytes=2 * PIECE_BYTES)
    posted(zipped({"hello.sym": content}))
    DebugFile.objects.all().delete()

    found = standing(a_client(), content)

    assert found["missingChunks"] == []
    assert Chunk.objects.count() == 3


def test_a_zip_that_takes_longer_is_finished_though_not_answered_for(
    held_queue: HeldQueue, settings: Settings
) -> None:
    answer = posted(zipped({"hello.sym": a_breakpad_file()}))
    assert (answer.status_code, answer.json()) == (201, [])

    let_pass(timedelta(hours=1))
    assert intake.redrive() == 1
    held_queue.work()

    assert DebugFile.objects.get().object_name == "hello"


def test_a_form_without_a_file_is_told_what_is_missing() -> None:
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


def test_a_file_with_no_id_in_a_zip_is_passed_over() -> None:
    answer = posted(
        zipped({"nil.sym": a_breakpad_file("0" * 33), "ok.sym": a_breakpad_file()})
    )

    assert [row["objectName"] for row in answer.json()] == ["ok"]
