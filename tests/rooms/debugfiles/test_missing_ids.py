"""Ids that were asked for in vain are counted, and forgotten when their file arrives."""

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
ask = partial(record_miss, debug_id=ID, code_id=None, by="me")


@pytest.fixture
def gathering(settings: Settings) -> Iterator[None]:
    """Gather as in production, but write only when told to."""
    settings.WANTED_WRITE_SECONDS = 3600
    yield
    missing_ids.COUNTER.flush()


def rows() -> list[tuple[str, str, int]]:
    found = WantedId.objects.order_by("pk")
    return [(row.debug_id, row.code_id, row.count) for row in found]


def test_an_id_is_one_row_however_often_it_is_asked_for() -> None:
    project = a_project()
    before = timezone.now()

    ask(project, by="first", name="a.so")
    ask(project, by="second")
    ask(project, by="third", name="b.so")
    ask(project, by="fourth")

    row = WantedId.objects.get()
    assert (row.debug_id, row.code_id, row.count) == (str(ID), "", 4)
    assert (row.asked_by, row.name) == ("fourth", "b.so")
    assert before <= row.first_at < row.last_at <= timezone.now()


def test_a_question_by_both_ids_is_one_and_other_projects_have_their_own() -> None:
    project, other = a_project(), a_project("other")

    ask(project, code_id=CODE)
    ask(project)
    ask(other)

    assert rows() == [(str(ID), "abc123", 1), (str(ID), "", 1), (str(ID), "", 1)]
    assert missing_ids.list_ids(other).count() == 1


@pytest.mark.parametrize("nil", [DebugId(UUID(int=0)), DebugId(UUID(int=0), 1), None])
def test_nil_ids_are_not_wanted(nil: DebugId | None) -> None:
    project = a_project()

    ask(project, debug_id=nil)
    ask(project, debug_id=nil, code_id=CODE)

    assert rows() == [("", "abc123", 1)]


def test_what_no_database_would_take_is_made_fit() -> None:
    ask(a_project(), by="a\0b\udcff" + "x" * 999, name="n\0\udcff" * 999)

    row = WantedId.objects.get()
    assert row.asked_by.startswith("ab?xxx")
    assert len(row.asked_by) == 250
    assert len(row.name) == 500


@pytest.mark.django_db(transaction=True)
def test_those_who_ask_at_once_are_all_counted(settings: Settings) -> None:
    project = a_project()
    ids = [DebugId(uuid4()) for _ in range(4)]

    def asks() -> None:
        for _ in range(10):
            for debug_id in ids:
                ask(project, debug_id=debug_id)

    run_at_once([asks] * 4)

    assert [count for *_, count in rows()] == [40] * 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gathering")
def test_what_is_asked_a_thousand_times_is_written_once() -> None:
    project = a_project()

    with CaptureQueriesContext(connection) as queries:
        for _ in range(1000):
            ask(project)
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
        ask(project, debug_id=DebugId(UUID(int=n)))

    with CaptureQueriesContext(connection) as queries:
        missing_ids.COUNTER.flush()

    assert len([q for q in queries if "INSERT" in q["sql"]]) == 3
    assert WantedId.objects.count() == 1200


@pytest.mark.usefixtures("gathering")
def test_what_a_database_would_not_take_now_is_written_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    ask(project)

    def is_away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as away:
        away.setattr(missing_ids.COUNTER, "_write", is_away)
        missing_ids.COUNTER.flush()
    ask(project, by="later")
    assert rows() == []
    missing_ids.COUNTER.flush()

    assert rows() == [(str(ID), "", 2)]
    assert WantedId.objects.get().asked_by == "later"


def test_nobody_who_asks_is_hurt_by_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()

    def is_away(*_: object) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(missing_ids.COUNTER, "_write", is_away)
    ask(project)
    monkeypatch.undo()

    missing_ids.COUNTER.flush()


@pytest.mark.usefixtures("gathering")
def test_memory_is_bounded_by_leaving_out_what_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = a_project()
    monkeypatch.setattr(miss_counter, "_MAX_MISSES", 3)

    for n in (1, 2, 3, 4, 5, 1, 2, 3):
        ask(project, debug_id=DebugId(UUID(int=n)))
    missing_ids.COUNTER.flush()

    assert [count for *_, count in rows()] == [2, 2, 2]


def test_of_too_many_those_asked_for_longest_ago_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, other = a_project(), a_project("other")
    ask(other)
    monkeypatch.setattr(missing_ids, "MAX_PER_PROJECT", 3)

    for n in (1, 2, 3, 1, 4, 5):
        ask(project, debug_id=DebugId(UUID(int=n)))

    kept = [row.debug_id for row in missing_ids.list_ids(project)]
    assert kept == [str(DebugId(UUID(int=n))) for n in (5, 4, 1)]
    assert missing_ids.list_ids(other).count() == 1


@pytest.mark.usefixtures("gathering")
def test_what_has_arrived_before_it_is_written_is_not_wanted() -> None:
    project, other = a_project(), a_project("other")
    for place in (project, other):
        ask(place)
        ask(place, debug_id=None, code_id=CODE)
        ask(place, debug_id=DebugId(UUID(int=8)), code_id=CODE)

    a_debug_file(project, debug_id=ID, code_id=CODE)
    missing_ids.COUNTER.flush()

    assert {row.project_id for row in WantedId.objects.all()} == {other.pk}
    assert len(rows()) == 3


@pytest.mark.usefixtures("gathering")
@pytest.mark.parametrize("sought", [RequestedIds(ID, None), RequestedIds(None, CODE)])
def test_what_is_here_and_of_no_use_leaves_an_id_wanted_until_another_comes(
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
def test_a_project_that_is_gone_wants_nothing_and_keeps_no_other_from_it() -> None:
    gone, project = a_project("gone"), a_project()
    ask(gone)
    ask(project)
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
def test_a_program_that_arrives_answers_to_its_id_with_age_and_to_its_code_id(
    debug_id: DebugId | None, code_id: CodeId | None, *, is_answered: bool
) -> None:
    project, other = a_project(), a_project("other")
    ask(project, debug_id=debug_id, code_id=code_id)
    ask(other, debug_id=debug_id, code_id=code_id)

    missing_ids.clear(a_debug_file(project, debug_id=ID, code_id=CODE))

    assert missing_ids.list_ids(project).exists() is not is_answered
    assert missing_ids.list_ids(other).exists()


def test_a_file_without_a_debug_id_answers_to_its_code_id_alone() -> None:
    project = a_project()
    ask(project, debug_id=None, code_id=CODE)
    ask(project)

    missing_ids.clear(
        a_debug_file(project, debug_id=DebugId(UUID(int=0)), code_id=CODE)
    )

    assert rows() == [(str(ID), "", 1)]


def test_the_latest_or_the_most_wanted_come_first() -> None:
    project = a_project()
    for n in (1, 2, 2, 2, 1, 3):
        ask(project, debug_id=DebugId(UUID(int=n)))
        WantedId.objects.update(last_at=timezone.now() - timedelta(seconds=1))
    ask(project, debug_id=DebugId(UUID(int=1)))
    ask(project, debug_id=DebugId(UUID(int=3)))

    def order(by: MissingIdOrder) -> list[int]:
        return [int(row.debug_id[-1]) for row in missing_ids.list_ids(project, by)]

    assert order(MissingIdOrder.LATEST) == [3, 1, 2]
    assert order(MissingIdOrder.MOST)[2] == 3
    assert set(order(MissingIdOrder.MOST)[:2]) == {1, 2}


def test_a_wanted_id_can_be_dismissed_and_comes_back_when_it_is_asked_for() -> None:
    project, other = a_project(), a_project("other")
    ask(project)
    ask(other)
    row = str(missing_ids.list_ids(project).get().pk)

    with pytest.raises(MissingIdNotListed):
        missing_ids.dismiss(other, row)
    missing_ids.dismiss(project, row)
    for bad in (row, "x", "9" * 30, ""):
        with pytest.raises(MissingIdNotListed):
            missing_ids.dismiss(project, bad)
    ask(project)
    ask(project, code_id=CODE)

    assert missing_ids.dismiss_all(project) == 2
    assert rows() == [(str(ID), "", 1)]


def test_a_thread_writes_soon_and_is_begun_once(settings: Settings) -> None:
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
def test_a_child_does_not_write_what_its_parent_has_gathered() -> None:
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
def test_a_file_that_is_just_arriving_is_waited_for() -> None:
    project = a_project()
    file = a_file(project, b"content")
    ask(project)
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
