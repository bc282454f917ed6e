"""/metadata lists which files of a build id, a name or a pattern may be read."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from tests.factories import Answer, a_client, a_debug_file, a_project

from symdepot.debugfiles import metadata_search
from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId
from symdepot.domain.objects import Format
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project
from symdepot.projects.tokens import Scope

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
OTHER_ID = CodeId("00" * 20)


def ask(
    client: Client | None = None, path: str = "/metadata", /, **parameters: str
) -> Answer:
    return (client or Client()).get(path, parameters)


def results(**parameters: str) -> list[tuple[str, str]]:
    answer = ask(**parameters)
    assert answer.status_code == 200, answer.content
    return [(one["type"], one["file"]) for one in answer.json()["results"]]


def an_elf(project: Project, name: str, **differing: Any) -> DebugFile:
    return a_debug_file(project, name=name, **{"code_id": BUILD_ID, **differing})


@pytest.fixture
def project() -> Project:
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    return project


def test_files_of_a_build_id_are_listed_newest_first(project: Project) -> None:
    an_elf(project, "hello.debug")
    an_elf(project, "/usr/bin/hello", kind="exe", features=frozenset({"unwind"}))
    an_elf(project, "whole", kind="exe", arch="x86")
    an_elf(project, "of another", code_id=OTHER_ID)

    answer = ask(key="buildid", value=str(BUILD_ID))

    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "results": [
            {"type": kind, "buildid": str(BUILD_ID), "file": file}
            for kind, file in [
                ("executable", "whole"),
                ("debuginfo", "whole"),
                ("executable", "/usr/bin/hello"),
                ("debuginfo", "hello.debug"),
            ]
        ],
        "complete": True,
    }


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("file", "hello", ["hello"]),
        ("file", "/usr/bin/hello", ["/usr/bin/hello"]),
        ("file", "hell", []),
        ("file", "HELLO", []),
        ("file", "hell*", []),
        ("glob", "hell*", ["hello.debug", "hello"]),
        ("glob", "HELL*", []),
        ("glob", "*", ["hello.debug", "hello"]),
        ("glob", "/usr/*", []),
        ("glob", "/usr/*/*", ["/usr/bin/hello"]),
        ("glob", "*ll?", ["hello"]),
        ("glob", "hell[a-p]", ["hello"]),
        ("glob", "%", []),
        ("glob", "_ello", []),
    ],
)
def test_a_name_is_compared_as_it_was_uploaded(
    project: Project, key: str, value: str, names: list[str]
) -> None:
    for name in ("/usr/bin/hello", "hello", "hello.debug"):
        an_elf(project, name)

    assert results(key=key, value=value) == [("debuginfo", name) for name in names]


def test_only_servable_files_are_listed(project: Project) -> None:
    an_elf(project, "superseded", debug_id=an_elf(project, "x").object_file().debug_id)
    an_elf(project, "no build id", code_id=None)
    an_elf(project, "a mac", format=Format.MACHO)
    an_elf(project, "no tables", features=frozenset({"unwind"}))
    an_elf(a_project("private"), "private")

    assert results(key="glob", value="*") == [("debuginfo", "superseded")]


def test_equal_hits_are_listed_once(project: Project) -> None:
    an_elf(project, "hello")
    an_elf(project, "hello")

    assert results(key="file", value="hello") == [("debuginfo", "hello")]


def test_a_token_lists_what_it_may_read() -> None:
    an_elf(a_project(), "hello")
    token = tokens.create_url_token(a_project(), by="me")
    parameters = {"key": "file", "value": "hello"}

    assert ask(**parameters).json()["results"] == []
    assert len(ask(None, f"/s/{token}/metadata", **parameters).json()["results"]) == 1
    assert len(ask(a_client(), **parameters).json()["results"]) == 1
    assert ask(None, "/s/symd_wrong/metadata", **parameters).status_code == 401
    assert ask(a_client(scopes=[Scope.CI]), **parameters).status_code == 403


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "/metadata needs a key and a value."),
        ({"key": "file"}, "/metadata needs a key and a value."),
        ({"key": "", "value": "x"}, "/metadata needs a key and a value."),
        ({"value": "x"}, "/metadata needs a key and a value."),
        (
            {"key": "size", "value": "x"},
            "unsupported key; these are: file, glob, buildid",
        ),
        (
            {"key": "buildid", "value": "ABC"},
            "A build id is an even number of digits 0-9 and a-f.",
        ),
    ],
)
def test_invalid_queries_are_bad_requests(
    parameters: dict[str, str], text: str
) -> None:
    answer = ask(**parameters)

    assert (answer.status_code, answer.content.decode()) == (400, text)


def test_a_cut_result_is_incomplete(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        an_elf(project, f"hello{number}")
    monkeypatch.setattr(metadata_search, "_MAX_FILES", 2)

    answer = ask(key="glob", value="*").json()

    assert [one["file"] for one in answer["results"]] == ["hello2", "hello1"]
    assert answer["complete"] is False


def test_a_search_ends_in_time(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_elf(project, "hello")
    monkeypatch.setattr(metadata_search, "_MAX_SECONDS", -1)

    assert ask(key="file", value="none").json() == {"results": [], "complete": False}


def test_names_are_searched_in_pages(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [an_elf(project, f"hello{number}") for number in range(9)]
    for row in rows[3:6]:
        row.delete()
    monkeypatch.setattr(metadata_search, "_ROWS_PER_PAGE", 2)

    found = results(key="glob", value="hello?")

    assert [name for _, name in found] == [f"hello{n}" for n in (8, 7, 6, 2, 1, 0)]


class AnyValue(TestCase):
    @given(key=st.sampled_from(["file", "glob"]), value=st.text(min_size=1))
    def test_arbitrary_values_are_answered(self, key: str, value: str) -> None:
        wire = value.encode("utf-8", "surrogatepass").decode("latin-1")

        assert ask(key=key, value=wire).status_code == 200
