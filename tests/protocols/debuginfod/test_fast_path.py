"""The fast path: what it answers itself, and what it caches."""

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
    UNKNOWN,
    CountingDjango,
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
from symdepot.uploads.models import Chunk, File

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_miss_does_not_reach_django(
    django: CountingDjango, fast_path: FastPath, method: str
) -> None:
    project = a_public_project()
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=frozenset())
    token = tokens.create_url_token(project, by="me")
    tokens.authenticate(token)

    for path in (debuginfo(UNKNOWN), debuginfo(), f"/s/{token}{debuginfo(UNKNOWN)}"):
        answer = ask(fast_path, path, method)
        assert (status(answer), answer[2]) == (404, b"not found")

    assert django.times == 0


@pytest.mark.parametrize("of", ["project", "only project", "organization"])
def test_a_miss_is_recorded_as_django_records_it(
    django: CountingDjango, fast_path: FastPath, of: str
) -> None:
    game = a_project()
    if of == "organization":
        a_project("other")
    place = game if of == "project" else game.organization
    path = f"/s/{tokens.create_url_token(place, by='me', label='gdb')}{debuginfo()}"
    noted = []

    for application in (django, fast_path):
        ask(application, path, user_agent=" elfutils/0.196,Linux/x86_64 ")
        ask(application, path.replace("debuginfo", "executable"))
        COUNTER.flush()
        noted.append(
            list(WantedId.objects.values_list("project", "code_id", "asked_by"))
        )
    counts = list(WantedId.objects.values_list("count", flat=True))

    assert django.times == 2
    assert noted[0] == noted[1]
    assert counts == ([] if of == "organization" else [4])


def test_debug_information_that_a_program_lacks_is_recorded(
    django: CountingDjango, fast_path: FastPath
) -> None:
    project = a_project()
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=frozenset())
    token = tokens.create_url_token(project, by="me")

    for application in (django, fast_path):
        assert status(ask(application, f"/s/{token}{debuginfo()}")) == 404
        COUNTER.flush()

    assert django.times == 1
    assert WantedId.objects.get().count == 2


def test_a_miss_without_a_token_is_not_recorded(
    fast_path: FastPath,
) -> None:
    a_public_project()

    ask(fast_path, debuginfo())
    COUNTER.flush()

    assert not WantedId.objects.exists()


def test_a_small_file_is_sent_from_memory_the_next_time(
    django: CountingDjango, fast_path: FastPath
) -> None:
    project = a_public_project()
    a_companion(project, b"x" * LARGEST_BYTES)
    a_companion(project, b"x" * (LARGEST_BYTES + 1), LARGE)

    answers = [ask(fast_path, debuginfo()) for _ in range(4)]
    times, django.times = django.times, 0
    for _ in range(4):
        ask(fast_path, debuginfo(LARGE))

    # Django records the first use, and sends the bytes of the second request.
    assert times == 2
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][2] == b"x" * LARGEST_BYTES
    assert django.times == 4


def test_the_number_of_cached_files_is_limited(
    django: CountingDjango, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "symdepot.protocols.debuginfod.fast_path"
    monkeypatch.setattr(f"{module}._MAX_CACHED_FILES", 2)
    fast_path = FastPath(django)
    ids = [CodeId(f"{number:040x}") for number in range(1, 4)]
    for code_id in ids:
        a_companion(a_public_project(), code_id.hex.encode(), code_id)
        ask(fast_path, debuginfo(code_id))
        ask(fast_path, debuginfo(code_id))
    django.times = 0

    ask(fast_path, debuginfo(ids[1]))
    ask(fast_path, debuginfo(ids[2]))
    assert django.times == 0
    ask(fast_path, debuginfo(ids[0]))
    assert django.times == 1


def unpublished() -> None:
    organizations.set_public(a_project(), is_public=False, by="me")


def superseded() -> None:
    DebugFile.objects.update(superseded_at=timezone.now())


def damaged() -> None:
    File.objects.update(damaged_at=timezone.now())


def deleted() -> None:
    DebugFile.objects.all().delete()


@pytest.mark.parametrize("happened", [unpublished, superseded, damaged, deleted])
def test_a_cached_file_is_not_sent_when_its_row_changes(
    fast_path: FastPath, happened: Callable[[], None]
) -> None:
    a_companion(a_public_project())
    answers = [ask(fast_path, debuginfo()) for _ in range(3)]

    happened()

    assert [status(answer) for answer in answers] == [200, 200, 200]
    assert status(ask(fast_path, debuginfo())) == 404


def test_the_token_is_checked_for_every_request(fast_path: FastPath) -> None:
    a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    hit, miss = f"/s/{token}{debuginfo()}", f"/s/{token}{debuginfo(UNKNOWN)}"
    before = [status(ask(fast_path, path)) for path in (hit, hit, hit, miss)]

    tokens.revoke(Token.objects.get(), by="me")

    assert before == [200, 200, 200, 404]
    assert [status(ask(fast_path, path)) for path in (hit, miss)] == [401, 401]


def test_cache_control_changes_with_the_project(fast_path: FastPath) -> None:
    project = a_public_project()
    a_companion(project)
    token = tokens.create_url_token(project, by="me")
    path = f"/s/{token}{debuginfo()}"

    for is_public, visibility in (
        (True, "public"),
        (False, "private"),
        (True, "public"),
    ):
        organizations.set_public(project, is_public=is_public, by="me")
        for _ in range(3):
            assert ("Cache-Control", visibility) in ask(fast_path, path)[1]


def test_a_use_is_recorded_when_it_is_due(fast_path: FastPath) -> None:
    row = a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    path = f"/s/{token}{debuginfo()}"
    for _ in range(3):
        ask(fast_path, path)
    long_ago = timezone.now() - timedelta(days=2)
    DebugFile.objects.update(last_used_at=long_ago)
    Token.objects.update(last_used_at=long_ago)

    ask(fast_path, path)

    row.refresh_from_db()
    for used_at in (row.last_used_at, Token.objects.get().last_used_at):
        assert used_at is not None
        assert timezone.now() - used_at < timedelta(minutes=1)


def test_damaged_bytes_are_not_cached(fast_path: FastPath, disk: Path) -> None:
    a_companion(a_public_project())
    [blob] = [path for path in disk.rglob("?" * 40) if path.is_file()]
    ask(fast_path, debuginfo())
    blob.chmod(0o600)
    blob.write_bytes(b"z" * len(CONTENT))
    bad = [ask(fast_path, debuginfo())[2] for _ in range(2)]

    blob.write_bytes(CONTENT)
    # As an upload does.
    File.objects.update(damaged_at=None)
    Chunk.objects.update(verified_at=None, is_damaged=False)

    assert all(text.startswith(b"The stored bytes of this file are") for text in bad)
    assert ask(fast_path, debuginfo())[2] == CONTENT


def test_each_coding_is_cached_separately(
    django: CountingDjango, fast_path: FastPath
) -> None:
    a_companion(a_public_project(), b"debug information " * 4096)
    codings = ("identity", "gzip", "zstd, gzip", "")

    for _ in range(3):
        for accepted, address in product(codings, ("8.8.8.8", "127.0.0.1")):
            headers = {"accept_encoding": accepted, "x_forwarded_for": address}
            expected = ask(django, debuginfo(), **headers)
            answer = ask(fast_path, debuginfo(), **headers)
            assert answer == expected, headers


def test_a_file_of_several_chunks_is_cached_whole(
    django: CountingDjango, fast_path: FastPath
) -> None:
    row = a_companion(a_public_project())
    parts = [bytes([number]) * 100 for number in range(5)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(row.project, *parts))

    answers = [ask(fast_path, debuginfo()) for _ in range(3)]

    assert [answer[2] for answer in answers] == [b"".join(parts)] * 3
    assert django.times == 2


def test_connections_are_closed_after_each_request(fast_path: FastPath) -> None:
    a_companion(a_public_project())

    for path in (debuginfo(), debuginfo(), debuginfo(), debuginfo(UNKNOWN)):
        ask(fast_path, path)
        assert (connection.connection is None) == (connection.vendor == "postgresql")


def test_a_database_error_gives_the_same_response(
    django: CountingDjango, fast_path: FastPath
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE uploads_file RENAME TO elsewhere")
    try:
        answers = [ask(application, debuginfo()) for application in (django, fast_path)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO uploads_file")

    assert answers[0] == answers[1]
    assert status(answers[0]) in {500, 503}
    assert django.times == 1


def test_each_response_is_counted_once(
    django: CountingDjango, fast_path: FastPath
) -> None:
    a_companion(a_public_project())

    counts = []
    for application in (django, fast_path):
        before = {(c.kind, c.status): c.responses for c in request_metrics.all_counts()}
        for _ in range(3):
            ask(application, debuginfo())
        ask(application, debuginfo(UNKNOWN))
        after = {(c.kind, c.status): c.responses for c in request_metrics.all_counts()}
        counts.append({key: after[key] - before.get(key, 0) for key in after})

    assert counts[0] == {("debuginfo", 200): 3, ("debuginfo", 404): 1}
    assert counts[1] == counts[0]
