"""debuginfod's short way: what it answers itself, and for how long."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from tests.factories import a_debug_file, a_file, a_project
from tests.protocols.debuginfod.wsgi_calls import (
    BUILD_ID,
    CONTENT,
    LARGE,
    LARGEST_BYTES,
    NOBODYS,
    CountedDjango,
    a_companion,
    a_public_project,
    ask,
    debuginfo,
    status,
)

from symdepot.debugfiles.missing_ids import COUNTER
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.ids import CodeId
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Token
from symdepot.protocols import request_metrics
from symdepot.protocols.debuginfod.fast_path import FastPath
from symdepot.uploads.models import File

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_miss_is_none_of_djangos_business(
    long_way: CountedDjango, short_way: FastPath, method: str
) -> None:
    project = a_public_project()
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=frozenset())
    token = tokens.create_url_token(project, by="me")
    tokens.authenticate(token)

    for path in (debuginfo(NOBODYS), debuginfo(), f"/s/{token}{debuginfo(NOBODYS)}"):
        answer = ask(short_way, path, method)
        assert (status(answer), answer[2]) == (404, b"not found")

    assert long_way.times == 0


@pytest.mark.parametrize("of", ["project", "only project", "organization"])
def test_a_miss_is_noted_as_it_is_on_the_long_way(
    long_way: CountedDjango, short_way: FastPath, of: str
) -> None:
    game = a_project()
    if of == "organization":
        a_project("other")
    place = game if of == "project" else game.organization
    path = f"/s/{tokens.create_url_token(place, by='me', label='gdb')}{debuginfo()}"
    noted = []

    for way in (long_way, short_way):
        ask(way, path, user_agent=" elfutils/0.196,Linux/x86_64 ")
        ask(way, path.replace("debuginfo", "executable"))
        COUNTER.flush()
        noted.append(
            list(WantedId.objects.values_list("project", "code_id", "asked_by"))
        )
    counts = list(WantedId.objects.values_list("count", flat=True))

    assert long_way.times == 2
    assert noted[0] == noted[1]
    assert counts == ([] if of == "organization" else [4])


def test_what_a_program_that_is_here_lacks_is_noted_on_both_ways(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    project = a_project()
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=frozenset())
    token = tokens.create_url_token(project, by="me")

    for way in (long_way, short_way):
        assert status(ask(way, f"/s/{token}{debuginfo()}")) == 404
        COUNTER.flush()

    assert long_way.times == 1
    assert WantedId.objects.get().count == 2


def test_what_is_missed_without_a_token_is_noted_for_nobody(
    short_way: FastPath,
) -> None:
    a_public_project()

    ask(short_way, debuginfo())
    COUNTER.flush()

    assert not WantedId.objects.exists()


def test_a_small_file_is_sent_from_memory_once_it_was_sent(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    project = a_public_project()
    a_companion(project, b"x" * LARGEST_BYTES)
    a_companion(project, b"x" * (LARGEST_BYTES + 1), LARGE)

    answers = [ask(short_way, debuginfo()) for _ in range(4)]
    times, long_way.times = long_way.times, 0
    for _ in range(4):
        ask(short_way, debuginfo(LARGE))

    # Its first use is noted on the long way, the bytes come on it the second time.
    assert times == 2
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][2] == b"x" * LARGEST_BYTES
    assert long_way.times == 4


def test_only_so_many_files_are_kept_in_memory(long_way: CountedDjango) -> None:
    short_way = FastPath(long_way, max_cached=2)
    ids = [CodeId(f"{number:040x}") for number in range(1, 4)]
    for code_id in ids:
        a_companion(a_public_project(), code_id.hex.encode(), code_id)
        ask(short_way, debuginfo(code_id))
        ask(short_way, debuginfo(code_id))
    long_way.times = 0

    ask(short_way, debuginfo(ids[1]))
    ask(short_way, debuginfo(ids[2]))
    assert long_way.times == 0
    ask(short_way, debuginfo(ids[0]))
    assert long_way.times == 1


def unpublished() -> None:
    organizations.set_public(a_project(), is_public=False, by="me")


def superseded() -> None:
    DebugFile.objects.update(superseded_at=timezone.now())


def damaged() -> None:
    File.objects.update(damaged_at=timezone.now())


def deleted() -> None:
    DebugFile.objects.all().delete()


@pytest.mark.parametrize("happened", [unpublished, superseded, damaged, deleted])
def test_what_is_in_memory_is_sent_to_nobody_who_may_not_have_it(
    short_way: FastPath, happened: Callable[[], None]
) -> None:
    a_companion(a_public_project())
    answers = [ask(short_way, debuginfo()) for _ in range(3)]

    happened()

    assert [status(answer) for answer in answers] == [200, 200, 200]
    assert status(ask(short_way, debuginfo())) == 404


def test_a_token_is_looked_at_each_time(short_way: FastPath) -> None:
    a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    hit, miss = f"/s/{token}{debuginfo()}", f"/s/{token}{debuginfo(NOBODYS)}"
    before = [status(ask(short_way, path)) for path in (hit, hit, hit, miss)]

    tokens.revoke(Token.objects.get(), by="me")

    assert before == [200, 200, 200, 404]
    assert [status(ask(short_way, path)) for path in (hit, miss)] == [401, 401]


def test_who_may_have_a_file_is_said_anew_when_it_changes(short_way: FastPath) -> None:
    project = a_public_project()
    a_companion(project)
    token = tokens.create_url_token(project, by="me")
    path = f"/s/{token}{debuginfo()}"

    for is_public, said in ((True, "public"), (False, "private"), (True, "public")):
        organizations.set_public(project, is_public=is_public, by="me")
        for _ in range(3):
            assert ("Cache-Control", said) in ask(short_way, path)[1]


def test_use_is_noted_as_it_is_on_the_long_way(short_way: FastPath) -> None:
    row = a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    path = f"/s/{token}{debuginfo()}"
    for _ in range(3):
        ask(short_way, path)
    long_ago = timezone.now() - timedelta(days=2)
    DebugFile.objects.update(last_used_at=long_ago)
    Token.objects.update(last_used_at=long_ago)

    ask(short_way, path)

    row.refresh_from_db()
    for used_at in (row.last_used_at, Token.objects.get().last_used_at):
        assert used_at is not None
        assert timezone.now() - used_at < timedelta(minutes=1)


def test_bytes_that_went_bad_are_not_kept(short_way: FastPath, disk: Path) -> None:
    a_companion(a_public_project())
    [blob] = [path for path in disk.rglob("*") if path.is_file()]
    ask(short_way, debuginfo())
    blob.chmod(0o600)
    blob.write_bytes(b"z" * len(CONTENT))
    bad = [ask(short_way, debuginfo())[2] for _ in range(2)]

    blob.write_bytes(CONTENT)

    assert bad == [b"z" * len(CONTENT)] * 2
    assert ask(short_way, debuginfo())[2] == CONTENT


def test_what_is_compressed_on_its_way_is_not_taken_for_the_file(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    a_companion(a_public_project(), b"debug information " * 4096)
    codings = ("identity", "gzip", "zstd, gzip", "")

    for _ in range(3):
        for accepted, address in product(codings, ("8.8.8.8", "127.0.0.1")):
            told = {"accept_encoding": accepted, "x_forwarded_for": address}
            expected = ask(long_way, debuginfo(), **told)
            answer = ask(short_way, debuginfo(), **told)
            assert answer == expected, told


def test_a_file_of_several_chunks_is_kept_whole(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    row = a_companion(a_public_project())
    parts = [bytes([number]) * 100 for number in range(5)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(row.project, *parts))

    answers = [ask(short_way, debuginfo()) for _ in range(3)]

    assert [answer[2] for answer in answers] == [b"".join(parts)] * 3
    assert long_way.times == 2


def test_no_connection_is_kept_that_others_wait_for(short_way: FastPath) -> None:
    a_companion(a_public_project())

    for path in (debuginfo(), debuginfo(), debuginfo(), debuginfo(NOBODYS)):
        ask(short_way, path)
        assert (connection.connection is None) == (connection.vendor == "postgresql")


def test_a_database_that_fails_is_told_of_in_the_same_words(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE uploads_file RENAME TO elsewhere")
    try:
        answers = [ask(way, debuginfo()) for way in (long_way, short_way)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO uploads_file")

    assert answers[0] == answers[1]
    assert status(answers[0]) in {500, 503}
    assert long_way.times == 1


def test_what_it_answers_is_counted_once_as_on_the_long_way(
    long_way: CountedDjango, short_way: FastPath
) -> None:
    a_companion(a_public_project())

    counts = []
    for way in (long_way, short_way):
        before = {(c.kind, c.status): c.responses for c in request_metrics.all_counts()}
        for _ in range(3):
            ask(way, debuginfo())
        ask(way, debuginfo(NOBODYS))
        after = {(c.kind, c.status): c.responses for c in request_metrics.all_counts()}
        counts.append({key: after[key] - before.get(key, 0) for key in after})

    assert counts[0] == {("debuginfo", 200): 3, ("debuginfo", 404): 1}
    assert counts[1] == counts[0]
