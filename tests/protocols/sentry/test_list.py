"""Debug files are listed by id, text and format."""

from typing import Any
from uuid import UUID

import pytest
from tests.factories import (
    Answer,
    a_client,
    a_debug_file,
    a_project,
    files_url,
    upload,
)

from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects.models import Project

pytestmark = pytest.mark.django_db

CRASH = DebugId(UUID("67e9247c-814e-392b-a027-dbde6748fcbf"))
CODE = CodeId("f1c3bcc0279865fe3058404b2831d9e64135386c")

# Source: spec/serving 4.4: one unknown word, and all of the list is lost.
KNOWN_TO_SYMBOLICATOR = {
    *("pe", "pdb", "portablepdb", "macho", "elf", "wasm", "breakpad"),
    *("sourcebundle", "uuidmap", "bcsymbolmap", "il2cpp", "proguard"),
    "dartsymbolmap",
}


@pytest.fixture
def game() -> Project:
    """A project with one file of each kind that the tests tell apart."""
    project = a_project()
    for differing in (
        {"name": "crash.debug", "debug_id": CRASH, "code_id": CODE},
        {"name": "crash", "debug_id": CRASH, "format": Format.BREAKPAD},
        {"name": "wrong.pdb", "format": Format.PDB, "arch": "arm64"},
        {
            "name": "App.exe",
            "format": Format.PE,
            "kind": "exe",
            "code_id": CodeId("5ab380779000"),
        },
        {"name": "proguard-mapping", "format": Format.PROGUARD, "arch": "any"},
    ):
        a_debug_file(project, **differing)
    a_debug_file(a_project("other"), name="of another project", debug_id=CRASH)
    return project


def listed(**filters: Any) -> Answer:
    return a_client().get(files_url(), filters)


def names(**filters: Any) -> list[str]:
    answer = listed(**filters)
    assert answer.status_code == 200, answer.content
    return [row["objectName"] for row in answer.json()]


ALL = ["proguard-mapping", "App.exe", "wrong.pdb", "crash", "crash.debug"]


@pytest.mark.upstream(57)
def test_an_uploaded_file_is_listed_with_all_fields() -> None:
    a_project()
    client = a_client()
    content = b"com.example.Main -> a:\n"
    name = "/proguard/67e9247c-814e-392b-a027-dbde6748fcbf.txt"

    found = upload(client, content, name=name)

    [row] = client.get(files_url()).json()
    created = row.pop("dateCreated")
    assert row == {
        "id": row["id"],
        "uuid": "67e9247c-814e-392b-a027-dbde6748fcbf",
        "debugId": "67e9247c-814e-392b-a027-dbde6748fcbf",
        "codeId": None,
        "cpuName": "any",
        "objectName": "proguard-mapping",
        "symbolType": "proguard",
        "headers": {"Content-Type": "text/x-proguard+plain"},
        "size": 23,
        "sha1": "c3a2fa792e338f96e19b8e1c98295bd6b0ce1a0f",
        "data": {"type": None, "features": ["mapping"]},
        "symcache": None,
    }
    assert found["dif"] == {**row, "dateCreated": created}
    assert row["id"].isdecimal()


@pytest.mark.usefixtures("game")
def test_files_are_listed_newest_first() -> None:
    assert names() == ALL


def test_a_project_without_files_has_an_empty_list() -> None:
    a_project()

    assert listed().json() == []


@pytest.mark.usefixtures("game")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("  ", ALL),
        ("crash", ["crash", "crash.debug"]),
        ("CRASH.d", ["crash.debug"]),
        ("  app.E  ", ["App.exe"]),
        ("67e9247c", ["crash", "crash.debug"]),
        ("67E9247C-814E", ["crash", "crash.debug"]),
        ("67e9247c-814e-392b-a027-dbde6748fcbf", ["crash", "crash.debug"]),
        (" 67E9247C-814E-392B-A027-DBDE6748FCBF ", ["crash", "crash.debug"]),
        ("67E9247C814E392BA027DBDE6748FCBF0", ["crash", "crash.debug"]),
        ("67e9247c-814e-392b-a027-dbde6748fcbf-1", []),
        ("f1c3bcc0279865fe", ["crash.debug"]),
        (CODE.hex, ["crash.debug"]),
        ("5ab380779000", ["App.exe"]),
        ("arm64", ["wrong.pdb"]),
        ("breakpad", ["crash"]),
        ("pdb", ["wrong.pdb"]),
        ("ms-pdb", ["wrong.pdb"]),
        ("x-elf", ["crash.debug"]),
        ("proguard", ["proguard-mapping"]),
        ("no such thing", []),
        ("%", []),
        ("_____", []),
        ("\x00", []),
        ("ü" * 46, []),
        ("x" * 5000, []),
    ],
)
def test_a_query_matches_names_ids_architectures_and_content_types(
    query: str, found: list[str]
) -> None:
    assert names(query=query) == found


@pytest.mark.usefixtures("game")
@pytest.mark.parametrize(
    "debug_id",
    [
        "67e9247c-814e-392b-a027-dbde6748fcbf",
        "67E9247C-814E-392B-A027-DBDE6748FCBF",
        "67e9247c814e392ba027dbde6748fcbf",
        "67E9247C814E392BA027DBDE6748FCBF0",
        "67e9247c-814e-392b-a027-dbde6748fcbf-0",
    ],
)
def test_a_debug_id_is_found_however_it_is_written(debug_id: str) -> None:
    assert names(debug_id=debug_id) == ["crash", "crash.debug"]


@pytest.mark.usefixtures("game")
@pytest.mark.parametrize("debug_id", ["67e9247c", "no id", "\x00", "x" * 5000])
def test_an_invalid_exact_id_finds_nothing(debug_id: str) -> None:
    assert names(debug_id=debug_id) == names(code_id=f"{debug_id}!") == []


@pytest.mark.usefixtures("game")
def test_a_code_id_is_found_in_any_case() -> None:
    assert names(code_id=CODE.hex) == names(code_id=CODE.hex.upper())
    assert names(code_id=CODE.hex) == ["crash.debug"]
    assert names(code_id=CODE.hex[:-1]) == []


@pytest.mark.usefixtures("game")
def test_both_ids_are_searched_and_the_debug_id_comes_first() -> None:
    unknown = "57e9247c-814e-392b-a027-dbde6748fcbf"
    of_debug_id = ["crash", "crash.debug"]

    assert names(debug_id=CRASH, code_id="5ab380779000") == [*of_debug_id, "App.exe"]
    assert names(debug_id=CRASH, code_id=CODE.hex) == of_debug_id
    assert names(debug_id=CRASH, code_id="abc") == of_debug_id
    assert names(debug_id=unknown, code_id="5ab380779000") == ["App.exe"]
    assert names(debug_id=unknown, code_id="abc") == []
    assert names(debug_id="no id", code_id="5ab380779000") == ["App.exe"]


def test_symbolicator_can_read_the_list_whatever_is_in_it() -> None:
    project = a_project()
    for kind in Format:
        a_debug_file(project, debug_id=CRASH, format=kind, features=frozenset({kind}))

    rows = listed(debug_id=CRASH, code_id=CODE.hex).json()

    assert len(rows) == len(Format)
    assert all(isinstance(row["id"], str) for row in rows)
    assert {row["symbolType"] for row in rows} <= KNOWN_TO_SYMBOLICATOR


@pytest.mark.usefixtures("game")
@pytest.mark.parametrize(
    ("formats", "found"),
    [
        (["elf"], ["crash.debug"]),
        (["elf", "pe"], ["App.exe", "crash.debug"]),
        (["elf", "unheard of"], ["crash.debug"]),
        (["unheard of"], ALL),
        (["macho"], []),
        ([], ALL),
    ],
)
def test_unknown_formats_do_not_filter(formats: list[str], found: list[str]) -> None:
    assert names(file_formats=formats) == found


@pytest.mark.usefixtures("game")
def test_formats_filter_results_of_ids_and_queries() -> None:
    assert names(debug_id=CRASH, file_formats=["elf"]) == ["crash.debug"]
    assert names(query=str(CRASH), file_formats=["breakpad"]) == ["crash"]
    assert names(query="crash", file_formats=["pe"]) == []


def test_a_superseded_file_is_not_listed() -> None:
    project = a_project()
    a_debug_file(project, debug_id=CRASH, name="old")
    a_debug_file(project, debug_id=CRASH, name="new")

    assert names() == names(debug_id=CRASH) == names(query="e") == ["new"]


def test_files_of_an_exact_id_are_not_paged() -> None:
    project = a_project()
    for number in range(25):
        a_debug_file(
            project, debug_id=CRASH, code_id=CODE, features=frozenset({f"f{number}"})
        )

    for filters in ({"debug_id": CRASH}, {"code_id": CODE}, {"query": CRASH}):
        answer = listed(**filters)
        assert len(answer.json()) == 25
        assert "Link" not in answer


@pytest.mark.parametrize("kind", list(Format))
def test_formats_have_the_names_that_clients_use(kind: Format) -> None:
    a_debug_file(a_project(), format=kind)

    [row] = listed().json()

    assert row["symbolType"] == kind.value
    assert row["headers"] == {"Content-Type": kind.mime_type}


def test_invalid_list_parameters_cause_no_internal_error() -> None:
    a_project()

    answers = [
        listed(per_page="many"),
        listed(per_page="1" * 5000),
        listed(query="\ud800".encode("utf-8", "surrogatepass")),
        listed(file_formats=["\x00"]),
    ]

    assert {answer.status_code for answer in answers} <= {200, 400}
    assert all(len(a.json()) == 1 for a in answers if a.status_code == 400)
