"""Django and the fast path give the same responses."""

import base64
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.utils import timezone
from tests.factories import a_project
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
)

from symdepot.domain.ids import Checksum, CodeId
from symdepot.projects import tokens
from symdepot.projects.models import Project, Token
from symdepot.projects.tokens import Scope
from symdepot.protocols.debuginfod.fast_path import FastPath

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

OTHERS = CodeId("cc" * 20)
NIL = CodeId("00" * 20)

type Request = tuple[str, str, Mapping[str, str]]


@pytest.fixture
def game() -> Project:
    """A public project, beside a private one of the same organization."""
    game = a_public_project()
    a_companion(game)
    a_companion(game, os.urandom(LARGEST_BYTES + 1), LARGE)
    a_companion(a_project("other"), b"of another", OTHERS)
    return game


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def url_tokens(game: Project) -> Iterator[str]:
    yield tokens.create_url_token(game, by="me", label="gdb")
    yield tokens.create_url_token(game.organization, by="me")
    yield tokens.create_url_token(a_project("theirs", "strangers"), by="me")
    yesterday = timezone.now() - timedelta(days=1)
    yield tokens.create_url_token(game, by="me", expires_at=yesterday)
    revoked = tokens.create_url_token(game, by="me")
    tokens.revoke(Token.objects.order_by("pk").reverse()[0], by="me")
    yield revoked
    yield "symd_unknown"
    yield "symd_"


def with_tokens(game: Project, path: str) -> Iterator[Request]:
    may_not = tokens.create_token(game, scopes=[Scope.CI], by="me")
    may = tokens.create_token(game, scopes=[Scope.WRITE], by="me")
    shown = [*url_tokens(game), may_not, may]
    for token in shown:
        yield f"/s/{token}{path}", "GET", {"user_agent": "gdb"}
        yield path, "GET", {"authorization": f"Bearer {token}"}
        yield path, "GET", {"authorization": basic(f"gdb:{token}")}
    yield f"/s/{shown[0]}/{path}", "GET", {}
    yield f"/s/{shown[0]}{path}", "HEAD", {"authorization": "Bearer nonsense"}
    in_the_path, in_a_header = shown[2], f"Bearer {shown[0]}"
    yield f"/s/{in_the_path}{path}", "GET", {"authorization": in_a_header}
    for authorization in ("", "Bearer", "Basic ?", "Bearer symd_x", "Digest a"):
        yield path, "GET", {"authorization": authorization}


def with_headers(path: str) -> Iterator[Request]:
    etag = f'"{Checksum.of(CONTENT)}"'
    for headers in (
        {"range": "bytes=1-3"},
        {"range": "bytes=1-3", "if_range": '"other"'},
        {"range": "bytes=99-"},
        {"if_none_match": etag},
        {"if_none_match": "*"},
        {"x_debuginfod_maxsize": "3"},
        {"accept_encoding": "deflate, gzip, br, zstd"},
        {"accept_encoding": "zstd", "x_forwarded_for": "8.8.8.8"},
        {"x_sendfile_type": "X-Accel-Redirect"},
    ):
        yield path, "GET", headers
        yield path, "HEAD", headers


def other_spellings(path: str) -> Iterator[Request]:
    for other in (
        f"/{path}",
        f"{path}/",
        path.upper(),
        path.replace("d/", "d//"),
        path.replace("debuginfo", "section/.text"),
        path.replace("debuginfo", "source/a.c"),
        path.replace("debuginfo", "nothing"),
        path.removesuffix("/debuginfo"),
        path[:-1],
        f"/unified{path}",
    ):
        yield other, "GET", {}


def requests(game: Project) -> Iterator[Request]:
    """Yield requests that debuggers send, and others."""
    for build_id in (BUILD_ID, LARGE, OTHERS, UNKNOWN, NIL):
        for kind in ("debuginfo", "executable"):
            yield f"/buildid/{build_id}/{kind}", "GET", {}
            yield f"/buildid/{build_id}/{kind}", "HEAD", {}
    for path in (debuginfo(), debuginfo(UNKNOWN)):
        for method in ("POST", "OPTIONS", "DELETE", "get"):
            yield path, method, {}
        yield from with_tokens(game, path)
        yield from with_headers(path)
        yield from other_spellings(path)
    for odd in ("abc", "\xff", "", "DFB8", "0" * 200):
        yield f"/buildid/{odd}/debuginfo", "GET", {}


def test_django_and_the_fast_path_give_the_same_responses(
    django: CountingDjango, fast_path: FastPath, game: Project
) -> None:
    for path, method, headers in requests(game):
        expected = ask(django, path, method, **headers)
        for time in ("first", "second"):
            answer = ask(fast_path, path, method, **headers)
            assert answer == expected, (time, method, path, headers)
