"""Symbol servers: files by paths of each layout."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries
from tests.factories import Answer, a_client, a_debug_file, a_project

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId, DebugId
from symdepot.domain.objects import Format
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
SHORT_ID = CodeId("11b85de42daffd09640c8fe377d572de")
PE_ID = CodeId("5ab380779000")
GUID = UUID("3249d99d-0c40-4931-8610-f4e4fb0b6936")
PDB_PATH = f"crash.pdb/{GUID.hex.upper()}1/crash.pdb"
MACHO = "67e9247c814e392ba027dbde6748fcbf"


@pytest.fixture(autouse=True)
def project() -> Project:
    """Publish one with a file of each kind, whose content is its name."""
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    pdb: dict[str, Any] = {
        "kind": None,
        "debug_id": DebugId(GUID, 1),
        "name": "crash.pdb",
    }
    elf: dict[str, Any] = {"format": Format.ELF, "code_id": BUILD_ID, "name": "libm.so"}
    kinds: dict[bytes, dict[str, Any]] = {
        b"elf": {**elf, "kind": "lib", "features": frozenset({"symtab"})},
        b"elf debug": elf,
        b"elf of a short id": {
            **elf,
            "kind": "lib",
            "code_id": SHORT_ID,
            "name": "short.so",
        },
        b"pe": {
            "format": Format.PE,
            "kind": "exe",
            "code_id": PE_ID,
            "name": "crash.exe",
        },
        b"pdb": {**pdb, "format": Format.PDB},
        b"portable": {
            **pdb,
            "format": Format.PORTABLE_PDB,
            "debug_id": DebugId(UUID(int=7), 0xE60B819D),
        },
        b"sources": {**pdb, "format": Format.SOURCE_BUNDLE},
        b"sym": {**pdb, "format": Format.BREAKPAD},
        b"dsym": {"format": Format.MACHO, "code_id": CodeId(MACHO), "name": "crash"},
    }
    for content, known in kinds.items():
        a_debug_file(project, content, **known)
    return project


def ask(path: str, client: Client | None = None) -> Answer:
    """Ask for a path as it is: Django's own client would fold what begins with //."""
    wire = path.encode().decode("latin-1")
    return (client or Client()).generic("GET", "/", PATH_INFO=f"/{wire}")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"libm.so/elf-buildid-{BUILD_ID}/libm.so", b"elf"),
        (f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug", b"elf debug"),
        # As .NET requests it: padded to 20 bytes.
        (f"short.so/elf-buildid-{SHORT_ID}00000000/short.so", b"elf of a short id"),
        (f"_/elf-buildid-{SHORT_ID}00000000/_", b"elf of a short id"),
        (f"_/_.debug/elf-buildid-sym-{BUILD_ID}/_.debug", b"elf debug"),
        (f"_.dwarf/mach-uuid-sym-{MACHO}/_.dwarf", b"dsym"),
        ("crash.exe/5AB380779000/crash.exe", b"pe"),
        ("CRASH.EXE/5ab380779000/crash.exe", b"pe"),
        ("cr/crash.exe/5AB380779000/crash.exe", b"pe"),
        (PDB_PATH, b"pdb"),
        (PDB_PATH.lower(), b"pdb"),
        (PDB_PATH.upper(), b"pdb"),
        (f"/{PDB_PATH}", b"pdb"),
        (f"//cr//{PDB_PATH.replace('/', '//')}", b"pdb"),
        (f"crash.pdb/{GUID.hex}0/crash.pdb", b"pdb"),
        (f"proxy/{PDB_PATH}", b"pdb"),
        (f"crash.pdb/{UUID(int=7).hex}FFFFFFFF/crash.pdb", b"portable"),
        (f"crash.pdb/{GUID.hex}1/crash.src.zip", b"sources"),
        (f"libm.so/{BUILD_ID}/symbols", b"elf debug"),
        (f"unified/32/{GUID.hex[2:]}1/debuginfo", b"pdb"),
        (f"unified/32/{GUID.hex[2:]}1/sourcebundle", b"sources"),
        (f"unified/32/{GUID.hex[2:]}1/breakpad", b"sym"),
        (f"unified/df/{BUILD_ID.hex[2:]}/executable", b"elf"),
        (f"unified/df/{BUILD_ID.hex[2:]}/debuginfo", b"elf debug"),
        (f"native/df/{BUILD_ID.hex[2:]}", b"elf"),
        (f"native/df/{BUILD_ID.hex[2:]}.debug", b"elf debug"),
        ("native/67E9/247C/814E/392B/A027/DBDE6748FCBF", b"dsym"),
        (f"native/{PDB_PATH}", b"pdb"),
    ],
)
def test_a_path_serves_its_file(path: str, content: bytes) -> None:
    token = tokens.create_url_token(a_project(), by="me")

    assert ask(path).getvalue() == content
    assert ask(f"s/{token}/{path}").getvalue() == content


@pytest.mark.parametrize(
    "path",
    [
        "index2.txt",
        "/index2.txt",
        "pingme.txt",
        "000Admin",
        "000Admin/",
        "000Admin/pingme.txt",
        "000Admin/1",
        "000Admin/00000000001",
        "proxy/000Admin/lastid.txt",
        PDB_PATH.replace("crash.pdb/", "crash.pd_/"),
        f"{PDB_PATH[:-1]}_",
        f"crash.pdb/{GUID.hex}1/file.ptr",
        f"crash.pdb/{GUID.hex}1/refs.ptr",
        "crash.exe/5AB380779000/crash.ex_",
        "crash.dll/5AB380779000/crash.dl_",
        f"crash.cs/sha1-{BUILD_ID}/crash.cs",
        f"libm.so/elf-buildid-coreclr-{BUILD_ID}/libm.so",
        f"crash/mach-uuid-coreclr-{MACHO}/crash",
        f"crash.ni.r2rmap/r2rmap-v1-{GUID.hex}/crash.ni.r2rmap",
        "favicon.ico",
        "unified/index2.txt",
        "native/x",
        "proxy/",
        "a/../b",
        "a%/b/c",
    ],
)
@pytest.mark.parametrize("before", ["", "s/symd_wrong/"])
def test_other_files_of_a_store_are_missing(
    django_assert_num_queries: DjangoAssertNumQueries, path: str, before: str
) -> None:
    with django_assert_num_queries(0):
        answer = ask(f"{before}{path}")

    assert (answer.status_code, answer["Content-Type"], answer.content) == (
        404,
        "text/plain; charset=utf-8",
        b"Symbol Not Found (and ignored)",
    )


@pytest.mark.parametrize(
    "path",
    [
        f"crash.pdb/{GUID.hex}2/crash.pdb",
        f"crash.pdb/{UUID(int=8).hex}1/crash.pdb",
        "crash.exe/5AB380779001/crash.exe",
        "third.exe/5AB380779000/third.exe",
        "th/third.exe/5AB380779000/third.exe",
        f"unified/df/{BUILD_ID.hex[2:]}/sourcebundle",
    ],
)
def test_a_miss_costs_one_query(
    django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    with django_assert_num_queries(1):
        answer = ask(path)

    assert (answer.status_code, answer.content) == (404, b"Symbol Not Found")


def test_private_files_are_missing_without_a_token(project: Project) -> None:
    organizations.set_public(project, is_public=False, by="a test")

    assert ask(PDB_PATH).status_code == 404
    assert ask(PDB_PATH, a_client()).getvalue() == b"pdb"


def test_a_wrong_token_is_refused() -> None:
    assert ask(f"s/symd_wrong/{PDB_PATH}").status_code == 401


def test_ranges_and_head_are_answered() -> None:
    part = Client().get(f"/{PDB_PATH}", headers={"Range": "bytes=0-134217727"})
    head = Client().head(f"/{PDB_PATH}")

    assert (part.status_code, part["Content-Range"]) == (206, "bytes 0-2/3")
    assert (head.status_code, head["Content-Length"], head.content) == (200, "3", b"")


def test_an_empty_file_has_no_ranges(project: Project) -> None:
    debug_id = DebugId(UUID(int=9), 1)
    a_debug_file(
        project, b"", format=Format.PDB, kind=None, debug_id=debug_id, name="a.pdb"
    )
    path = f"/a.pdb/{UUID(int=9).hex}1/a.pdb"

    part = Client().get(path, headers={"Range": "bytes=0-134217727"})

    assert (part.status_code, part["Content-Range"]) == (416, "bytes */0")
    assert Client().get(path).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods_are_refused(method: str) -> None:
    answer = getattr(Client(), method)(f"/{PDB_PATH}")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert DebugFile.objects.filter(file_format="pdb").exists()


class AnyPath(TestCase):
    @given(path=st.text())
    def test_arbitrary_paths_are_answered(self, path: str) -> None:
        wire = path.encode("utf-8", "surrogatepass").decode("latin-1")

        answer = Client().generic("GET", "/", PATH_INFO=f"/{wire}")

        assert answer.status_code == (404 if path.strip("/") else 200)


def test_other_routes_are_not_shadowed() -> None:
    live, ready, nowhere = (
        Client().get(path) for path in ("/health/live", "/health/ready", "/api/0/x")
    )

    assert (live.status_code, ready.status_code) == (200, 200)
    assert nowhere.json() == {"detail": "There is nothing at this address."}
