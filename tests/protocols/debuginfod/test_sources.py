"""debuginfod: sources come out of bundles, by the path that was compiled."""

import pytest
from django.test import Client
from tests.factories import Answer, a_client, a_debug_file, a_project
from tests.fixtures import builders

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
DEBUG_ID = DebugId.of_build_id(BUILD_ID)
SOURCES = {
    "/usr/src/a.c": "int a;\n",
    "./stdlib/./stdlib/exit.c": "exit\n",
    "/b c/ü+.c": "odd\n",
}


@pytest.fixture(autouse=True)
def project() -> Project:
    """Publish one with a bundle that has no code id, as sentry-cli makes them."""
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    a_debug_file(
        project,
        builders.source_bundle(DEBUG_ID.uuid, SOURCES),
        format=Format.SOURCE_BUNDLE,
        kind="src",
        features=frozenset({"sources"}),
        debug_id=DEBUG_ID,
    )
    return project


def ask(path: str, **headers: str) -> Answer:
    return Client().get(f"/buildid/{BUILD_ID}/source{path}", headers=headers)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/usr/src/a.c", "int a;\n"),
        ("//usr/src/a.c", "int a;\n"),
        ("/usr/src/../src/a.c", "int a;\n"),
        ("/usr//src/./a.c", "int a;\n"),
        ("/./stdlib/./stdlib/exit.c", "exit\n"),
        ("/b%20c/%C3%BC%2B.c", "odd\n"),
        ("/b%20c/ü+.c", "odd\n"),
    ],
)
def test_a_source_is_found_by_any_spelling_of_its_path(path: str, text: str) -> None:
    answer = ask(path)

    assert (answer.status_code, answer.content.decode()) == (200, text)


def test_a_source_has_the_headers_of_debuginfod() -> None:
    answer = ask("/usr/src/a.c")

    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-DEBUGINFOD-SIZE"] == "7"
    assert answer["X-DEBUGINFOD-FILE"] == "a.c"
    assert answer["Cache-Control"] == "public"


@pytest.mark.parametrize(
    "path", ["", "/", "/usr/src/b.c", "/../../etc/passwd", "/manifest.json", "/%00"]
)
def test_a_path_that_is_not_in_the_bundle_is_missing(path: str) -> None:
    answer = ask(path)

    assert (answer.status_code, answer.content) == (404, b"not found")


def test_a_source_larger_than_maxsize_is_refused() -> None:
    assert ask("/usr/src/a.c", **{"X-DEBUGINFOD-MAXSIZE": "6"}).status_code == 406
    assert ask("/usr/src/a.c", **{"X-DEBUGINFOD-MAXSIZE": "7"}).status_code == 200


def test_a_private_source_needs_a_token(project: Project) -> None:
    organizations.set_public(project, is_public=False, by="a test")
    token = tokens.create_url_token(project, by="me")
    path = f"buildid/{BUILD_ID}/source/usr/src/a.c"

    assert Client().get(f"/{path}").status_code == 404
    assert Client().get(f"/s/{token}/{path}").content == b"int a;\n"
    assert a_client().get(f"/{path}").content == b"int a;\n"


def test_head_has_the_length() -> None:
    answer = Client().head(f"/buildid/{BUILD_ID}/source/usr/src/a.c")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == "7"


def test_bundles_of_other_programs_are_not_searched() -> None:
    other = f"{BUILD_ID.hex[::-1]}/source/usr/src/a.c"

    assert Client().get(f"/buildid/{other}").status_code == 404
