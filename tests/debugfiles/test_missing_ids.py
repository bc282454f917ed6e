"""Misses are counted by id, and cleared when the file arrives."""

import os
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from tests.concurrency import run_at_once
from tests.factories import a_debug_file, a_file, a_project, an_object, record_miss

from symdepot.debugfiles import catalogue, miss_counter, missing_ids
from symdepot.debugfiles.miss_counter import Miss, MissCount
from symdepot.debugfiles.missing_ids import MissingIdOrder
from symdepot.debugfiles.models import WantedId
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.errors import MissingIdNotListed
from symdepot.domain.ids import CodeId, DebugId
from symdepot.projects.models import Project

pytestmark = pytest.mark.django_db

ID = DebugId(UUID(int=7), 1)
CODE = CodeId("abc123")
record = partial(record_miss, debug_id=ID, code_id=None, by="me")


@pytest.fixture
def gathering(settings: Settings) -> Iterator[None]:
    """Gather as in production, but write only when flushed."""
    settings.WANTED_WRITE_SECONDS = 3600
    yield
    missing_ids.COUNTER.flush()


def rows() -> list[tuple[str, str, int]]:
    found = WantedId.objects.order_by("pk")
    return [(row.debug_id, row.code_id, row.count) for row in found]


def test_repeated_misses_are_counted_in_one_row() -> None:
    project = a_project()
    before = timezone.now()

    record(project, by="first", name="a.so")
    record(project, by="second")
    record(project, by="third", name="b.so")
    record(project, by="fourth")

    row = WantedId.objects.get()
    assert (row.debug_id, row.code_id, row.count) == (str(ID), "", 4)
    assert (row.asked_by, row.name) == ("fourth", "b.so")
    assert before <= row.first_at < row.last_at <= timezone.now()


def test_rows_are_per_project_and_pair_of_ids() -> None:
    project, other = a_project(), a_project("other")

    record(project, code_id=CODE)
    record(project)
    record(other)

    assert rows() == [(str(ID), "abc123", 1), (str(ID), "", 1), (str(ID), "", 1)]
    assert missing_ids.list_ids(other).count() == 1


@pytest.mark.parametrize("nil", [DebugId(UUID(int=0)), DebugId(UUID(int=0), 1), None])
def test_nil_ids_are_not_recorded(nil: DebugId | None) -> None:
    project = a_project()

    record(project, debug_id=nil)
    record(project, debug_id=nil, code_id=CODE)

    assert rows() == [("", "abc123", 1)]


def test_unstorable_text_is_replaced_and_cut() -> None:
    record(a_project(), by="a\0b\udcff" + "x" * 999, name="n\0\udcff" * 999)

    row = WantedId.objects.get()
    assert row.asked_by.startswith("ab?xxx")
    assert len(row.asked_by) == 250
    assert len(row.name) == 500


@pytest.mark.django_db(transaction=True)
def test_concurrent_misses_are_all_counted(settings: Settings) -> None:
    project = a_project()
    ids = [DebugId(uuid4()) for _ in range(4)]

    def record_all() -> None:
        for _ in range(10):
            for debug_id in ids:
                record(project, debug_id=debug_id)

    run_at_once([record_all] * 4)

    assert [count for *_, count in rows()] == [40] * 4


@pytest.mark.usefixtures("gathering")
def test_a_thousand_misses_are_one_write() -> None:
    project = a_project()

    with CaptureQueriesContext(connection) as queries:
        for _ in range(1000):
            record(project)
    assert len(queries) == 0
    with CaptureQueriesContext(connection) as queries:
        missing_ids.COUNTER.flush()
        missing_ids.COUNTER.flush()

    written = [q for q in queries if "INSERT" in q["sql"]]
    assert len(written) == 1
    assert rows() == [(str(ID), "", 1000)]


@pytest.mark.usefixtures("gathering")
def test_many_ids_are_written_in_a_few_statements() -> None:
    project = a_project()
    for n in range(1, 1201):
        record(project, debug_id=DebugId(UUID(int=n)))

    with CaptureQueriesContext(connection) as queries:
        missing_ids.COUNTER.flush()

    assert len([q for q in queries if "INSERT" in q["sql"]]) == 3
    assert WantedId.objects.count() == 1200


@pytest.mark.usefixtures("gathering")
def test_counts_are_kept_when_a_write_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    record(project)

    def is_away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as away:
        away.setattr(missing_ids.COUNTER, "_write", is_away)
        missing_ids.COUNTER.flush()
    record(project, by="later")
    assert rows() == []
    missing_ids.COUNTER.flush()

    assert rows() == [(str(ID), "", 2)]
    assert WantedId.objects.get().asked_by == "later"


def test_recording_never_fails_without_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()

    def is_away(*_: object) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(missing_ids.COUNTER, "_write", is_away)
    record(project)
    monkeypatch.undo()

    missing_ids.COUNTER.flush()


@pytest.mark.usefixtures("gathering")
def test_misses_beyond_the_maximum_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    monkeypatch.setattr(miss_counter, "_MAX_MISSES", 3)

    for n in (1, 2, 3, 4, 5, 1, 2, 3):
        record(project, debug_id=DebugId(UUID(int=n)))
    missing_ids.COUNTER.flush()

    assert [count for *_, count in rows()] == [2, 2, 2]


def test_the_ids_requested_longest_ago_are_deleted_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, other = a_project(), a_project("other")
    record(other)
    monkeypatch.setattr(missing_ids, "MAX_PER_PROJECT", 3)

    for n in (1, 2, 3, 1, 4, 5):
        record(project, debug_id=DebugId(UUID(int=n)))

    kept = [row.debug_id for row in missing_ids.list_ids(project)]
    assert kept == [str(DebugId(UUID(int=n))) for n in (5, 4, 1)]
    assert missing_ids.list_ids(other).count() == 1


@pytest.mark.usefixtures("gathering")
def test_an_id_that_arrives_before_the_write_is_not_recorded() -> None:
    project, other = a_project(), a_project("other")
    for place in (project, other):
        record(place)
        record(place, debug_id=None, code_id=CODE)
        record(place, debug_id=DebugId(UUID(int=8)), code_id=CODE)

    a_debug_file(project, debug_id=ID, code_id=CODE)
    missing_ids.COUNTER.flush()

    assert {row.project_id for row in WantedId.objects.all()} == {other.pk}
    assert len(rows()) == 3


@pytest.mark.usefixtures("gathering")
@pytest.mark.parametrize("sought", [RequestedIds(ID, None), RequestedIds(None, CODE)])
def test_a_file_that_cannot_serve_leaves_its_id_missing(
    sought: RequestedIds,
) -> None:
    project, other = a_project(), a_project("other")
    for place in (project, other):
        useless = a_debug_file(place, debug_id=ID, code_id=CODE)
        missing_ids.record_miss(place.pk, sought, by="me", newest_row_id=useless.pk)

    a_debug_file(other, debug_id=ID, code_id=CODE)
    missing_ids.COUNTER.flush()

    assert [row.project_id for row in WantedId.objects.all()] == [project.pk]


@pytest.mark.usefixtures("gathering")
def test_misses_of_a_deleted_project_are_skipped() -> None:
    gone, project = a_project("gone"), a_project()
    record(gone)
    record(project)
    Project.objects.filter(pk=gone.pk).delete()

    missing_ids.COUNTER.flush()

    assert [row.project_id for row in WantedId.objects.all()] == [project.pk]


@pytest.mark.parametrize(
    ("debug_id", "code_id", "is_answered"),
    [
        (ID, None, True),
        (None, CODE, True),
        (ID, CODE, True),
        (DebugId(ID.uuid), CODE, True),
        (ID, CodeId("ff"), True),
        (DebugId(ID.uuid), None, False),
        (DebugId(ID.uuid, 2), None, False),
        (DebugId(UUID(int=8)), CodeId("ff"), False),
    ],
)
def test_a_new_file_clears_its_debug_id_and_code_id(
    debug_id: DebugId | None, code_id: CodeId | None, *, is_answered: bool
) -> None:
    project, other = a_project(), a_project("other")
    record(project, debug_id=debug_id, code_id=code_id)
    record(other, debug_id=debug_id, code_id=code_id)

    missing_ids.clear(a_debug_file(project, debug_id=ID, code_id=CODE))

    assert missing_ids.list_ids(project).exists() is not is_answered
    assert missing_ids.list_ids(other).exists()


def test_a_file_without_a_debug_id_clears_only_its_code_id() -> None:
    project = a_project()
    record(project, debug_id=None, code_id=CODE)
    record(project)

    missing_ids.clear(
        a_debug_file(project, debug_id=DebugId(UUID(int=0)), code_id=CODE)
    )

    assert rows() == [(str(ID), "", 1)]


def test_ids_are_listed_by_time_or_by_count() -> None:
    project = a_project()
    for n in (1, 2, 2, 2, 1, 3):
        record(project, debug_id=DebugId(UUID(int=n)))
        WantedId.objects.update(last_at=timezone.now() - timedelta(seconds=1))
    record(project, debug_id=DebugId(UUID(int=1)))
    record(project, debug_id=DebugId(UUID(int=3)))

    def order(by: MissingIdOrder) -> list[int]:
        return [int(row.debug_id[-1]) for row in missing_ids.list_ids(project, by)]

    assert order(MissingIdOrder.LATEST) == [3, 1, 2]
    assert order(MissingIdOrder.MOST)[2] == 3
    assert set(order(MissingIdOrder.MOST)[:2]) == {1, 2}


def test_a_dismissed_id_comes_back_when_it_is_requested() -> None:
    project, other = a_project(), a_project("other")
    record(project)
    record(other)
    row = str(missing_ids.list_ids(project).get().pk)

    with pytest.raises(MissingIdNotListed):
        missing_ids.dismiss(other, row)
    missing_ids.dismiss(project, row)
    for bad in (row, "x", "9" * 30, ""):
        with pytest.raises(MissingIdNotListed):
            missing_ids.dismiss(project, bad)
    record(project)
    record(project, code_id=CODE)

    assert missing_ids.dismiss_all(project) == 2
    assert rows() == [(str(ID), "", 1)]


def test_one_thread_writes_the_counts(settings: Settings) -> None:
    settings.WANTED_WRITE_SECONDS = 0.05
    writers, written = set[int](), list[int]()
    is_written = threading.Event()

    def write(gathered: Mapping[Miss, MissCount]) -> None:
        writers.add(threading.get_ident())
        written.extend(asking.count for asking in gathered.values())
        if sum(written) == 30:
            is_written.set()

    own = miss_counter.MissCounter(write)
    now = timezone.now()
    for n in range(30):
        own.add(Miss(1, str(n % 3), ""), MissCount(1, now, now, "me", ""))
        threading.Event().wait(0.01)

    assert is_written.wait(5)
    assert 3 < len(written) < 30
    assert len(writers) == 1
    assert writers.isdisjoint({threading.get_ident()})


@pytest.mark.usefixtures("gathering")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_starts_without_counts() -> None:
    written: list[Miss] = []
    own = miss_counter.MissCounter(written.extend)
    now = timezone.now()
    own.add(Miss(1, "a", ""), MissCount(1, now, now, "me", ""))

    child = os.fork()
    if child == 0:
        own.flush()
        os._exit(len(written))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    own.flush()
    assert len(written) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gathering")
def test_a_write_waits_for_a_file_that_is_being_added() -> None:
    project = a_project()
    file = a_file(project, b"content")
    record(project)
    has_entered = threading.Event()

    def arrive() -> None:
        with transaction.atomic():
            missing_ids.clear(catalogue.add(project, file, an_object(debug_id=ID)))
            has_entered.set()
            threading.Event().wait(0.3)

    def write() -> None:
        assert has_entered.wait(5)
        missing_ids.COUNTER.flush()

    run_at_once([arrive, write])

    assert rows() == []
