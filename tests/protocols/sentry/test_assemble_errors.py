"""Errors of uploads: when they are reported, and when they are retried."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_project,
    own,
    pieces,
    polled,
    send,
    standing,
    upload,
)
from tests.row_ages import age_assemblies
from tests.task_queues import HeldQueue

from symdepot.blobs.store import blob_path
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import Checksum
from symdepot.pipeline import upload_requests
from symdepot.uploads import chunks
from symdepot.uploads.models import Assembly, State

pytestmark = pytest.mark.django_db

GARBAGE = b"This is no debug file.\n"
GARBAGE_TEXT = "Invalid debug information file: unsupported object file format"
GONE_TEXT = "no bytes are kept under {}"
DAMAGED_TEXT = (
    "chunk {} is damaged in the storage; uploading the file again sends it anew"
)


def status_of(client: Client, content: bytes) -> tuple[str, str | None]:
    found = standing(client, content, piece=50)
    return found["state"], found["detail"]


def a_file_in_parts() -> tuple[bytes, list[bytes]]:
    content = a_breakpad_file()
    return content, pieces(content, 50)


def blob(disk: Path, chunk: bytes) -> Path:
    return disk / blob_path(Checksum.of(chunk))


def test_an_error_of_the_content_is_permanent() -> None:
    a_project()
    client = a_client()
    upload(client, GARBAGE)

    age_assemblies(timedelta(days=400))
    send(client, GARBAGE)

    assert polled(client, GARBAGE)["detail"] == GARBAGE_TEXT
    assert standing(client, GARBAGE)["detail"] == GARBAGE_TEXT
    assert Assembly.objects.get().attempts == 1


def test_a_file_without_an_id_is_refused_with_a_reason() -> None:
    a_project()

    found = upload(a_client(), a_breakpad_file("0" * 33))

    assert found["state"] == "error"
    assert found["detail"] == (
        "This file has neither a debug id nor a code id, so nothing could ever find it."
    )


def test_a_lost_chunk_is_first_an_error_and_later_missing(
    disk: Path,
) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    blob(disk, parts[1]).unlink()
    gone = ("error", GONE_TEXT.format(Checksum.of(parts[1])))

    assert [status_of(client, content), status_of(client, content)] == [gone, gone]
    assert polled(client, content)["detail"] == gone[1]

    age_assemblies(timedelta(seconds=6))
    found = standing(client, content, piece=50)
    assert found["state"] == "not_found"
    assert found["missingChunks"] == [Checksum.of(parts[1]).hex]
    send(client, parts[1])
    assert status_of(client, content) == ("ok", None)


def test_a_damaged_chunk_is_named_and_replaced_by_sending_it_again(disk: Path) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    blob(disk, parts[1]).write_bytes(parts[1][::-1])

    damaged = ("error", DAMAGED_TEXT.format(Checksum.of(parts[1])))
    assert status_of(client, content) == damaged

    age_assemblies(timedelta(seconds=6))
    assert status_of(client, content) == ("not_found", None)
    send(client, parts[1])
    assert status_of(client, content) == ("ok", None)
    assert blob(disk, parts[1]).read_bytes() == parts[1]


@pytest.mark.parametrize("harm", ["shorter", "longer", "changed"])
def test_damage_in_a_file_of_one_chunk_is_detected(disk: Path, harm: str) -> None:
    project, client = a_project(), a_client()
    content = a_breakpad_file()
    own(project, content)
    harmed = {"shorter": content[:-1], "longer": content + b"\n", "changed": GARBAGE}
    blob(disk, content).write_bytes(harmed[harm])

    found = standing(client, content)

    assert found["state"] == "error"
    assert found["detail"] == DAMAGED_TEXT.format(Checksum.of(content))
    assert not DebugFile.objects.exists()


def test_a_damaged_chunk_is_missing_for_every_organization(disk: Path) -> None:
    content, parts = a_file_in_parts()
    for name in ("acme", "other"):
        own(a_project(organization=name), *parts)
    blob(disk, parts[0]).write_bytes(b"damaged")
    assert status_of(a_client(), content)[0] == "error"

    found = standing(a_client("other"), content, piece=50, organization="other")

    assert found["missingChunks"] == [Checksum.of(parts[0]).hex]


def test_a_chunk_lost_while_its_file_was_queued_is_missing_again(
    held_queue: HeldQueue,
) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    assert status_of(client, content) == ("assembling", None)
    chunks.forget_damaged(Checksum.of(parts[1]))
    held_queue.work()

    assert status_of(client, content) == (
        "error",
        "Not all chunks available for assembling",
    )

    age_assemblies(timedelta(seconds=6))
    found = standing(client, content, piece=50)
    assert found["missingChunks"] == [Checksum.of(parts[1]).hex]


def test_a_single_storage_failure_costs_one_attempt(
    disk: Path,
) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    away = disk.rename(disk.with_name("away"))
    disk.write_text("a file where a folder should be")

    assert status_of(client, content) == ("assembling", None)
    assert Assembly.objects.get().state == State.CREATED
    assert upload_requests.requeue_abandoned() == 0

    disk.unlink()
    away.rename(disk)
    age_assemblies(timedelta(seconds=3))
    assert upload_requests.requeue_abandoned() == 1
    assert status_of(client, content) == ("ok", None)
    assert Assembly.objects.get().attempts == 2


def test_a_permanent_storage_failure_is_an_error_after_the_last_attempt(
    disk: Path, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 3
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    away = disk.rename(disk.with_name("away"))
    disk.write_text("a file where a folder should be")
    assert status_of(client, content) == ("assembling", None)

    redriven = []
    for _ in range(4):
        age_assemblies(timedelta(hours=1))
        redriven.append(upload_requests.requeue_abandoned())

    unanswered = ("error", "The storage does not answer. Try again in a moment.")
    assert redriven == [1, 1, 0, 0]
    assert polled(client, content)["detail"] == unanswered[1]
    disk.unlink()
    away.rename(disk)
    assert status_of(client, content) == ("ok", None)


def test_a_temporary_error_is_reported_before_it_is_retried(
    held_queue: HeldQueue, disk: Path
) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    blob(disk, parts[0]).unlink()
    assert status_of(client, content) == ("assembling", None)
    held_queue.work()
    send(client, parts[0])

    assert status_of(client, content)[0] == "error"

    assert held_queue.assemblies == []
    age_assemblies(timedelta(seconds=6))
    assert status_of(client, content) == ("assembling", None)
    held_queue.work()
    assert status_of(client, content) == ("ok", None)


def test_an_old_error_is_still_reported(
    disk: Path,
) -> None:
    project, client = a_project(), a_client()
    content, parts = a_file_in_parts()
    own(project, *parts)
    blob(disk, parts[0]).unlink()
    status_of(client, content)

    age_assemblies(timedelta(hours=1))

    assert polled(client, content)["state"] == "error"
