"""Real files of every format, where a corpus of them lies beside the project."""

import re
from collections.abc import Iterator

import pytest
from tests import environment
from tests.clients import builds, wire
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

CORPUS = environment.PROJECT.parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us"),
]

_ROW = re.compile(r"\| (\S+) \| [0-9a-f]{40} \| \d+ \| (.*) \|")
NOTHING = "\N{EN DASH}"
KINDS = {"exe": "executable", "lib": "library", "dbg": "debug companion"}
OF_NO_USE_TO_THE_CLIENT = {"crash.exe", "hello-dwarf.exe", "elf_compressed_gnu.bad"}
MAPS = {
    "2d10c42f-591d-3265-b147-78ba0868073f.plist": "uuidmap",
    "c8374b6d-6e96-34d8-ae38-efaa5fec424f.bcsymbolmap": "bcsymbolmap",
}
REFUSED = {
    "elf_compressed_gnu.bad": (
        "This file has neither a debug id nor a code id, so nothing could ever find it."
    ),
    "macho-fat-Example": (
        "Contained wrong number of architectures (expected one, got 2)"
    ),
}


def _table() -> Iterator[tuple[str, list[str]]]:
    """Yield what the corpus says of its files: the name, and the columns behind."""
    readme = CORPUS / "README.md"
    for line in readme.read_text().splitlines() if readme.exists() else []:
        if row := _ROW.fullmatch(line):
            yield row[1], [column.strip() for column in row[2].split("|")]


OBJECTS = [(name, columns) for name, columns in _table() if "not an" not in columns[0]]
SOUND = {name: columns for name, columns in OBJECTS if name not in REFUSED}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_ok_with_the_ids_of_its_table(depot: Depot, name: str) -> None:
    file_format, kind, arch, debug_id, code_id, features = SOUND[name]
    content = (CORPUS / "symbolic" / name).read_bytes()

    standing = depot.wire.upload(content, name)

    assert (standing["state"], standing["detail"]) == ("ok", None)
    found = standing["dif"]
    assert found == {
        "id": found["id"],
        "uuid": debug_id[:36],
        "debugId": debug_id,
        "codeId": None if code_id == NOTHING else code_id,
        "cpuName": arch,
        "objectName": name.removesuffix(".sym"),
        "symbolType": file_format,
        "headers": found["headers"],
        "size": len(content),
        "sha1": wire.sha1(content),
        "dateCreated": found["dateCreated"],
        "symcache": None,
        "data": {
            "type": kind,
            "features": [] if features == NOTHING else sorted(features.split()),
        },
    }
    assert depot.wire.download(found["id"]) == content


@pytest.mark.parametrize("name", MAPS)
def test_a_map_of_apples_is_ok_under_the_id_of_its_name(
    depot: Depot, name: str
) -> None:
    content = (CORPUS / "symbolic" / name).read_bytes()
    debug_id = name.partition(".")[0]

    standing = depot.wire.upload(content, name, debug_id=debug_id)

    assert (standing["state"], standing["detail"]) == ("ok", None)
    assert standing["dif"]["debugId"] == debug_id
    assert standing["dif"]["symbolType"] == MAPS[name]
    assert standing["dif"]["data"] == {"type": None, "features": []}
    assert depot.wire.download(standing["dif"]["id"]) == content


@pytest.mark.parametrize("name", REFUSED)
def test_what_nobody_could_find_is_refused(depot: Depot, name: str) -> None:
    content = (CORPUS / "symbolic" / name).read_bytes()

    standing = depot.wire.upload(content, name)

    assert (standing["state"], standing["detail"]) == ("error", REFUSED[name])


@pytest.mark.parametrize(
    "name", ["elf-section-claims-64GiB", "elf-section-inflates-to-4GiB"]
)
def test_a_hostile_file_is_an_error_with_a_reason(depot: Depot, name: str) -> None:
    content = (CORPUS / "hostile" / name).read_bytes()

    standing = depot.wire.upload(content, name)

    assert standing["state"] == "error"
    assert f"its {len(content)} bytes say that they unpack to" in standing["detail"]
    assert depot.wire.upload(builds.symbols(), "after.sym")["state"] == "ok"


@pytest.mark.parametrize("name", ["crash.exe", "hello-dwarf.exe"])
@pytest.mark.parametrize("sixteenths", range(1, 16))
def test_a_truncated_program_of_windows_is_an_error(
    depot: Depot, name: str, sixteenths: int
) -> None:
    whole = (CORPUS / "symbolic" / name).read_bytes()
    content = whole[: len(whole) * sixteenths // 16]

    standing = depot.wire.upload(content, name)

    assert standing["state"] == "error"
    assert standing["detail"].startswith("Invalid debug information file: ")


def test_the_client_uploads_all_that_it_takes_for_debug_files(
    depot: Depot, newest: SentryCli
) -> None:
    client = depot.client(newest)
    elsewhere = depot.of_project("corpus").project
    settings = {**client.settings, "SENTRY_PROJECT": elsewhere}

    ended = client.configured(**settings).upload("--wait", CORPUS / "symbolic")

    assert ended.exit_code == 0
    assert [line for line in ended.lines if line.startswith(("ERROR", "OK"))] == sorted(
        [
            *(f"OK {name.partition('.')[0]} ({name}; any)" for name in MAPS),
            *(
                f"OK {debug_id} ({name.removesuffix('.sym')}; {arch} {KINDS[kind]})"
                for name, (_, kind, arch, debug_id, *_) in OBJECTS
                if name not in OF_NO_USE_TO_THE_CLIENT
            ),
        ]
    )
