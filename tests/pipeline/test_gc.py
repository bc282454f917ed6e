"""Garbage collection deletes what is expired or unreferenced, and nothing else."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from tests.factories import (
    a_breakpad_file,
    a_client,
    a_debug_file,
    a_project,
    assemble,
    described,
    own,
    send,
    standing,
    upload,
)
from tests.row_ages import age_everything

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import usage
from symdepot.debugfiles.models import Association, DebugFile
from symdepot.domain.ids import Checksum, DebugId
from symdepot.pipeline.gc import collector
from symdepot.pipeline.gc.collector import GcReport
from symdepot.pipeline.gc.retention_rules import Reason
from symdepot.projects.models import AuditEntry, Organization, Project, Release
from symdepot.symcaches.models import Outcome, SymCache
from symdepot.uploads import chunks, quota
from symdepot.uploads.models import (
    Assembly,
    AwaitedChunk,
    Chunk,
    ChunkOwner,
    File,
    FileChunk,
    State,
)

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def collect_as_previewed() -> dict[str, tuple[int, int]]:
    """Collect, assert that the preview was right, and return the counts by reason."""
    previewed = collector.preview()
    done = collector.collect()
    assert counts_by_reason(previewed) == counts_by_reason(done)
    assert counts_by_reason(collector.preview()) == {}
    return counts_by_reason(done)


def counts_by_reason(report: GcReport) -> dict[str, tuple[int, int]]:
    return {
        reason.value: (taken.count, taken.size_bytes)
        for reason, taken in report.by_reason.items()
        if taken.count or taken.size_bytes
    }


def with_retention(project: Project, **rules: int) -> Project:
    Project.objects.filter(pk=project.pk).update(**rules)
    project.refresh_from_db()
    return project


def a_symcache(file: File, content: bytes, version: int = 1) -> SymCache:
    checksum = Checksum.of(content)
    blob_store().put(checksum, BytesIO(content))
    return SymCache.objects.create(
        file=file,
        debug_id=f"{version}",
        arch="x86_64",
        version=version,
        outcome=Outcome.MADE,
        checksum=checksum.hex,
        size_bytes=len(content),
        updated_at=timezone.now(),
    )


def test_without_a_rule_nothing_is_deleted() -> None:
    a_debug_file(a_project(), b"content")
    age_everything(10_000 * DAY)

    assert collect_as_previewed() == {}
    assert DebugFile.objects.count() == 1


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("keep_unused_days", Reason.UNUSED), ("keep_days", Reason.OLD)],
)
def test_an_expired_file_is_deleted_with_its_chunks_and_symcaches(
    rule: str, reason: Reason
) -> None:
    project = with_retention(a_project(), **{rule: 7})
    old = a_debug_file(project, b"old content")
    a_symcache(old.file, b"its symcache")
    age_everything(8 * DAY)
    young = a_debug_file(project, b"young")

    assert collect_as_previewed() == {
        reason.value: (1, len(b"old content" + b"its symcache"))
    }

    assert list(DebugFile.objects.all()) == [young]
    assert list(File.objects.all()) == [young.file]
    assert list(blob_store()) == [Checksum.of(b"young")]
    assert ChunkOwner.objects.count() == Chunk.objects.count() == 1
    assert not SymCache.objects.exists()


def test_a_file_that_expires_in_one_project_stays_in_others() -> None:
    strict, lenient = (
        with_retention(a_project("strict"), keep_days=1),
        a_project("lenient"),
    )
    for project in (strict, lenient):
        a_debug_file(project, b"content")
    age_everything(2 * DAY)

    assert collect_as_previewed() == {"old": (1, 0)}

    assert DebugFile.objects.get().project == lenient
    assert Checksum.of(b"content") in blob_store()


def test_a_file_in_use_is_not_deleted_as_unused() -> None:
    project = with_retention(a_project(), keep_unused_days=1)
    row = a_debug_file(project, b"content")
    for _ in range(40):
        age_everything(HOUR * 3)
        row.refresh_from_db()
        usage.mark_used(project, [row])
        assert collect_as_previewed() == {}

    age_everything(DAY * 1.2)
    assert collect_as_previewed() == {"unused": (1, len(b"content"))}


def test_an_age_limit_deletes_files_in_use() -> None:
    project = with_retention(a_project(), keep_unused_days=1, keep_days=7)
    row = a_debug_file(project, b"content")
    age_everything(8 * DAY)
    row.refresh_from_db()
    usage.mark_used(project, [row])

    assert collect_as_previewed() == {"old": (1, len(b"content"))}


def test_a_release_limit_keeps_files_of_new_releases_and_of_no_release() -> None:
    project = with_retention(a_project(), keep_releases=2)
    rows = [a_debug_file(project, b"%d" % n) for n in range(4)]
    for number, row in enumerate(rows[:3]):
        release = Release.objects.create(
            organization=project.organization,
            version=f"1.{number}",
            released_at=timezone.now() + number * HOUR,
        )
        release.projects.add(project)
        Association.objects.create(release=release, debug_file=row)
    age_everything(2 * DAY)

    assert collect_as_previewed() == {"old-release": (1, 1)}

    assert list(DebugFile.objects.order_by("pk")) == rows[1:]


def test_superseded_files_are_deleted_after_a_period(settings: Settings) -> None:
    settings.KEEP_SUPERSEDED_DAYS = 30
    project, same = a_project(), DebugId.parse("a" * 32)
    a_debug_file(project, b"older", debug_id=same)
    newer = a_debug_file(project, b"newer", debug_id=same)
    age_everything(29 * DAY)
    assert collect_as_previewed() == {}

    age_everything(2 * DAY)
    assert collect_as_previewed() == {"superseded": (1, len(b"older"))}

    assert list(DebugFile.objects.all()) == [newer]


def test_a_file_superseded_only_by_an_expired_file_becomes_current() -> None:
    project, same = (
        with_retention(a_project(), keep_unused_days=7),
        DebugId.parse("a" * 32),
    )
    used = a_debug_file(project, b"older", debug_id=same)
    a_debug_file(project, b"newer", debug_id=same)
    age_everything(8 * DAY)
    usage.mark_used(project, [used])

    assert collect_as_previewed() == {"unused": (1, len(b"newer"))}

    used.refresh_from_db()
    assert used.superseded_at is None


def test_expired_files_are_in_the_audit_log_with_the_reason() -> None:
    project = with_retention(a_project(), keep_days=1)
    row = a_debug_file(project, b"content")
    age_everything(2 * DAY)

    collector.collect()

    entry = AuditEntry.objects.get(action="debug-file.expired")
    assert (entry.actor, entry.project_slug, entry.subject) == ("gc", "game", str(row))
    assert entry.details == {
        "checksum": Checksum.of(b"content").hex,
        "reason": "old",
    }


def test_an_expired_file_can_be_uploaded_again() -> None:
    project, client = with_retention(a_project(), keep_days=1), a_client()
    content = a_breakpad_file()
    assert upload(client, content)["state"] == "ok"
    age_everything(2 * DAY)

    collect_as_previewed()

    assert standing(client, content)["state"] == "not_found"
    assert upload(client, content)["state"] == "ok"
    assert DebugFile.objects.filter(project=project).count() == 1


def test_chunks_without_a_file_are_deleted_after_a_day() -> None:
    own(a_project(), b"loose")
    age_everything(23 * HOUR)
    assert collect_as_previewed() == {}

    age_everything(2 * HOUR)
    assert collect_as_previewed() == {"never-assembled": (1, len(b"loose"))}

    assert list(blob_store()) == []
    assert not ChunkOwner.objects.exists()


def test_a_chunk_that_is_sent_again_stays() -> None:
    own(a_project(), b"loose")
    age_everything(2 * DAY)
    own(a_project(), b"loose")

    assert collect_as_previewed() == {}
    assert Checksum.of(b"loose") in blob_store()


def test_a_blob_of_a_deleted_chunk_and_a_symcache_stays() -> None:
    project = a_project()
    own(project, b"the same")
    a_symcache(a_debug_file(project, b"content").file, b"the same")
    age_everything(2 * DAY)

    assert collect_as_previewed() == {"never-assembled": (1, 0)}

    assert Checksum.of(b"the same") in blob_store()


def test_a_blob_of_a_deleted_symcache_and_a_chunk_stays() -> None:
    project = with_retention(a_project(), keep_days=1)
    a_symcache(a_debug_file(project, b"content").file, b"the same")
    age_everything(2 * DAY)
    own(project, b"the same")

    assert collect_as_previewed() == {"old": (1, len(b"content"))}

    assert list(blob_store()) == [Checksum.of(b"the same")]


def test_chunks_of_an_active_upload_stay() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    offered = described(content + b"\n" * 100, piece=len(content))
    send(client, content)
    assemble(client, offered)
    age_everything(2 * DAY)
    # The client describes the file again; one chunk is still missing.
    answer = assemble(client, offered).json()

    assert collect_as_previewed() == {}

    (where,) = answer.values()
    assert where["state"] == "not_found"
    assert len(where["missingChunks"]) == 1
    assert Checksum.of(content) in blob_store()


def test_an_upload_with_a_recent_chunk_is_active() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    assemble(client, described(content + b"\n" * 100, piece=len(content)))
    age_everything(2 * DAY)
    send(client, content)

    assert collect_as_previewed() == {}
    assert AwaitedChunk.objects.count() == 2


def test_a_stalled_upload_is_deleted_with_its_chunks() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    assemble(client, described(content + b"\n" * 100, piece=len(content)))
    send(client, content)
    age_everything(25 * HOUR)

    assert collect_as_previewed() == {
        "unfinished-upload": (1, 0),
        "never-assembled": (1, len(content)),
    }

    assert not Assembly.objects.exists()
    assert not AwaitedChunk.objects.exists()
    assert list(blob_store()) == []


def test_failed_uploads_are_deleted_after_a_month() -> None:
    a_project()
    client = a_client()
    assert upload(client, b"no debug file")["state"] == "error"
    age_everything(29 * DAY)
    collect_as_previewed()
    assert Assembly.objects.get().state == State.ERROR

    age_everything(2 * DAY)
    assert collect_as_previewed() == {"failed-upload": (1, 0)}
    assert not Assembly.objects.exists()


def test_the_status_of_a_successful_upload_stays_with_the_file() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    upload(client, content)
    age_everything(1000 * DAY)

    assert collect_as_previewed() == {}
    assert standing(client, content)["state"] == "ok"


def test_a_file_without_a_debug_file_is_deleted() -> None:
    project = a_project()
    row = a_debug_file(project, b"content")
    DebugFile.objects.all().delete()
    age_everything(2 * DAY)

    assert collect_as_previewed() == {"unreferenced-file": (1, len(b"content"))}
    assert not File.objects.filter(pk=row.file_id).exists()


def test_outdated_symcaches_are_deleted() -> None:
    file = a_debug_file(a_project(), b"content").file
    for version in (1, 2):
        made = a_symcache(file, b"version %d" % version, version)
        SymCache.objects.filter(pk=made.pk).update(debug_id="same")

    assert collect_as_previewed() == {"outdated-symcache": (1, len(b"version 1"))}
    assert SymCache.objects.get().version == 2


def test_old_orphans_are_deleted() -> None:
    a_debug_file(a_project(), b"content")
    blob_store().put(Checksum.of(b"orphan"), BytesIO(b"orphan"))
    age_everything(23 * HOUR)
    assert collect_as_previewed() == {}

    age_everything(2 * HOUR)
    blob_store().put(Checksum.of(b"young"), BytesIO(b"young"))
    assert collect_as_previewed() == {"orphan": (1, len(b"orphan"))}

    assert set(blob_store()) == {Checksum.of(b"content"), Checksum.of(b"young")}


def test_a_preview_changes_nothing() -> None:
    project = with_retention(a_project(), keep_days=1)
    a_debug_file(project, b"content")
    own(project, b"loose")
    blob_store().put(Checksum.of(b"orphan"), BytesIO(b"orphan"))
    age_everything(2 * DAY)
    before = stored_data()

    report = collector.preview()

    assert counts_by_reason(report) == {
        "old": (1, 7),
        "never-assembled": (1, 5),
        "orphan": (1, 6),
    }
    assert stored_data() == before


def stored_data() -> list[object]:
    models = (Chunk, ChunkOwner, File, DebugFile, Assembly, AuditEntry)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return [*rows, sorted(blob_store())]


def test_ownership_of_chunks_without_own_files_is_deleted() -> None:
    ours, theirs = a_project(), a_project(organization="other")
    for project in (ours, theirs):
        a_debug_file(project, b"shared")
    age_everything(2 * DAY)
    DebugFile.objects.filter(project=ours).delete()

    collector.collect()

    assert quota.used_bytes(ours.organization) == 0
    assert quota.used_bytes(theirs.organization) == len(b"shared")
    assert not chunks.owned_sizes(ours.organization, [Checksum.of(b"shared")])


def test_expiry_deletes_chunk_ownership_at_once() -> None:
    ours = with_retention(a_project(), keep_days=1)
    theirs = a_project(organization="other")
    for project in (ours, theirs):
        a_debug_file(project, b"shared")
    age_everything(2 * DAY)

    assert collect_as_previewed() == {"old": (1, 0)}
    assert ChunkOwner.objects.get().organization == theirs.organization


def test_ownership_of_chunks_that_an_upload_awaits_stays() -> None:
    a_project()
    client, content = a_client(), a_breakpad_file()
    a_debug_file(a_project(organization="other"), content)
    send(client, content)
    age_everything(2 * DAY)
    longer = described(content + b"\n" * 100, piece=len(content))
    assert assemble(client, longer).status_code == 200

    collector.collect()

    acme = Organization.objects.get(slug="acme")
    assert set(chunks.owned_sizes(acme, [Checksum.of(content)])) == {
        Checksum.of(content)
    }


@pytest.mark.parametrize("count", [20, 200])
def test_the_number_of_queries_does_not_grow_with_the_number_of_files(
    count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    project = with_retention(a_project(), keep_days=1)
    create_debug_files(project, count)
    age_everything(2 * DAY)

    with django_assert_max_num_queries(90):
        previewed = collector.preview()
    with django_assert_max_num_queries(130 + count // 4):
        done = collector.collect()

    assert (
        counts_by_reason(previewed)
        == counts_by_reason(done)
        == {"old": (count, 8 * count)}
    )


def create_debug_files(project: Project, count: int) -> None:
    """Create debug files of one chunk each, with few SQL statements."""
    now, names = timezone.now(), [Checksum.of(b"%08d" % n) for n in range(count)]
    for number, name in enumerate(names):
        blob_store().put(name, BytesIO(b"%08d" % number))
    made = Chunk.objects.bulk_create(
        Chunk(checksum=name.hex, size_bytes=8, received_at=now) for name in names
    )
    ChunkOwner.objects.bulk_create(
        ChunkOwner(
            organization=project.organization,
            chunk=chunk,
            checksum=chunk.checksum,
            size_bytes=8,
        )
        for chunk in made
    )
    files = File.objects.bulk_create(
        File(checksum=name.hex, size_bytes=8) for name in names
    )
    FileChunk.objects.bulk_create(
        FileChunk(file=file, position=0, chunk=chunk)
        for file, chunk in zip(files, made, strict=True)
    )
    DebugFile.objects.bulk_create(
        DebugFile(
            project=project,
            file=file,
            debug_id=str(DebugId.parse(f"{number:032x}")),
            arch="x86_64",
            file_format="elf",
            object_name="hello",
        )
        for number, file in enumerate(files, start=1)
    )
