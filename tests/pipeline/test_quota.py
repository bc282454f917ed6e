"""The quota limits what an organization stores, and is checked before sending."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries, Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    assemble,
    described,
    files_url,
    own,
    polled,
    send,
    standing,
    upload,
)

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.pipeline.gc import deletion
from symdepot.projects import organizations
from symdepot.projects.models import AuditEntry, Organization, Project
from symdepot.uploads import quota
from symdepot.uploads.models import Assembly, AwaitedChunk, Chunk

pytestmark = pytest.mark.django_db

FULL = (
    "Organization 'acme' uses 60 bytes of its quota of 100 bytes, and this needs at "
    "least {} more. Delete debug files that are not needed, or ask whoever runs this "
    "server for more room."
)


def allowed(quota_bytes: int | None) -> Organization:
    organization = a_project().organization
    organizations.set_quota(organization, quota_bytes, by="somebody")
    return organization


def test_a_chunk_counts_once_for_each_organization_that_owns_it() -> None:
    ours, sibling = a_project(), a_project("sibling")
    theirs = a_project(organization="other")
    a_debug_file(ours, b"12345")
    a_debug_file(sibling, b"12345")
    a_debug_file(theirs, b"12345")
    own(ours, b"678")

    assert quota.used_bytes(ours.organization) == 8
    assert quota.used_bytes(theirs.organization) == 5


def test_deleting_a_file_frees_quota() -> None:
    project = a_project()
    a_debug_file(a_project(organization="other"), b"12345")
    row = a_debug_file(project, b"12345")

    deletion.delete_debug_file(row, by="somebody")

    assert quota.used_bytes(project.organization) == 0
    assert Checksum.of(b"12345") in blob_store()


def test_a_file_that_cannot_fit_is_refused_before_it_is_sent(
    settings: Settings,
) -> None:
    settings.CHUNK_SIZE = 32
    allowed(100)
    own(a_project(), b"x" * 60)
    content = a_breakpad_file()[:65]

    status = standing(a_client(), content, piece=32)

    assert status == {
        "state": "error",
        "missingChunks": [],
        "detail": FULL.format("65 bytes"),
        "dif": None,
    }
    assert not Assembly.objects.exists()
    assert not AwaitedChunk.objects.exists()


def test_a_refused_file_is_accepted_after_the_quota_grows(settings: Settings) -> None:
    settings.CHUNK_SIZE = 32
    organization, client = allowed(100), a_client()
    own(a_project(), b"x" * 60)
    content = a_breakpad_file()[:65]
    assert standing(client, content, piece=32)["state"] == "error"
    assert polled(client, content)["state"] == "not_found"

    organizations.set_quota(organization, 200, by="somebody")

    assert standing(client, content, piece=32)["state"] == "not_found"


def test_a_file_that_may_fit_is_not_refused(settings: Settings) -> None:
    settings.CHUNK_SIZE = 32
    allowed(100)
    own(a_project(), b"x" * 60)
    # All that is known of the second chunk is that it is not empty.
    content = a_breakpad_file()[:64]

    assert standing(a_client(), content, piece=32)["state"] == "not_found"


def test_of_several_files_the_first_ones_get_the_quota(settings: Settings) -> None:
    settings.CHUNK_SIZE = 32
    # Both have the last chunk, which counts once.
    allowed(65 + 33 - 1)
    contents = [a_breakpad_file()[:70] for _ in range(2)]
    requests = {
        checksum: file
        for content in contents
        for checksum, file in described(content, piece=32).items()
    }

    answers = assemble(a_client(), requests).json()

    states = sorted(answer["state"] for answer in answers.values())
    assert states == ["error", "not_found"]


def test_a_chunk_of_two_files_counts_once(settings: Settings) -> None:
    settings.CHUNK_SIZE = 32
    allowed(65 + 33)
    requests: dict[str, object] = {}
    for _ in range(2):
        requests |= described(a_breakpad_file()[:70], piece=32)

    answers = assemble(a_client(), requests).json()

    assert {answer["state"] for answer in answers.values()} == {"not_found"}


def test_owned_chunks_need_no_quota_at_assembly() -> None:
    client, content = a_client(), a_breakpad_file()
    project = a_project()
    own(project, content)
    allowed(len(content))

    assert standing(client, content)["state"] == "ok"


def test_chunks_over_quota_are_refused_and_deleted() -> None:
    allowed(100)
    own(a_project(), b"x" * 60)

    answer = send(a_client(), b"y" * 41)

    assert answer.status_code == 400
    assert answer.json() == {"error": FULL.format("41 bytes")}
    assert list(blob_store()) == [Checksum.of(b"x" * 60)]
    assert Chunk.objects.count() == 1


def test_chunks_that_fit_exactly_are_accepted() -> None:
    allowed(100)
    own(a_project(), b"x" * 60)

    assert send(a_client(), b"y" * 40).status_code == 200


def test_owned_chunks_need_no_quota_when_sent_again() -> None:
    allowed(100)
    own(a_project(), b"x" * 60)

    assert send(a_client(), b"x" * 60, b"y" * 40).status_code == 200


def test_chunks_are_refused_unread_if_the_quota_is_used_up() -> None:
    allowed(60)
    own(a_project(), b"x" * 60)

    answer = send(a_client(), b"y" * 41)

    assert answer.status_code == 400
    # The size is not known yet.
    assert "at least 1 byte more" in answer.json()["error"]
    assert list(blob_store()) == [Checksum.of(b"x" * 60)]


def test_a_zip_that_does_not_fit_is_refused() -> None:
    allowed(100)
    own(a_project(), b"x" * 60)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("hello.sym", a_breakpad_file())

    answer = a_client().post(
        files_url(), {"file": SimpleUploadedFile("dsyms.zip", archive.getvalue())}
    )

    assert answer.status_code == 400
    assert "quota of 100 bytes" in answer.json()["error"]
    assert list(blob_store()) == [Checksum.of(b"x" * 60)]


def test_a_refused_chunk_of_another_organization_is_not_deleted() -> None:
    allowed(10)
    a_debug_file(a_project(organization="other"), b"y" * 41)

    assert send(a_client(), b"y" * 41).status_code == 400

    assert Checksum.of(b"y" * 41) in blob_store()


def test_without_a_quota_there_is_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    organization = allowed(None)
    project = Project(organization=organization)

    with django_assert_num_queries(0):
        quota.check(organization, {Checksum.of(b"x"): 2**60})
        assert quota.refusal_if_full(organization) is None
        assert quota.refusals(project, [], chunk_bytes=1) == {}


def test_changes_of_the_quota_are_in_the_audit_log() -> None:
    organization = allowed(100)
    organizations.set_quota(organization, 100, by="somebody")
    organizations.set_quota(organization, None, by="somebody else")

    entries = AuditEntry.objects.filter(action="quota.changed").order_by("pk")
    assert [(entry.actor, entry.details) for entry in entries] == [
        ("somebody", {"before": None, "after": 100}),
        ("somebody else", {"before": 100, "after": None}),
    ]


def test_an_upload_within_the_quota_succeeds() -> None:
    allowed(1 << 20)

    assert upload(a_client(), a_breakpad_file())["state"] == "ok"
