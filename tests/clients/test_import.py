"""What was imported from disk is found by debuggers, whatever happened meanwhile."""

import json
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients import builds, crashing
from tests.clients.builds import Series
from tests.clients.conftest import StartDepot
from tests.clients.debuggers import Seat, build_id_of
from tests.clients.depot import Depot
from tests.clients.wire import Json
from tests.fixtures import builders, packed

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

PROJECT = "default/default"
KILLS = 2
FILES = 40


@pytest.fixture
def seat(depot: Depot, tmp_path: Path) -> Seat:
    home = tmp_path / "home"
    home.mkdir()
    token = depot.told("token", "create", "default", "--url").strip()
    return Seat(home, f"{depot.url}/s/{token}/")


def a_build_id_tree(root: Path, program: Path) -> Path:
    """Lay out the companion of a program as distributions do; return where it is."""
    build_id = build_id_of(program)
    folder = root / "usr" / "lib" / "debug" / ".build-id" / build_id[:2]
    folder.mkdir(parents=True)
    made = builds.companion(program)
    return made.rename(folder / f"{build_id[2:]}.debug")


@pytest.mark.parametrize("form", ["tree", "deb", "rpm", "tar.zst"])
def test_debuginfod_find_downloads_imported_files(
    form: str, depot: Depot, seat: Seat, tmp_path: Path
) -> None:
    program = builds.compiled(tmp_path)
    root = tmp_path / "root"
    content = a_build_id_tree(root, program).read_bytes()
    pack = {"deb": packed.deb, "rpm": packed.rpm, "tar.zst": packed.tar}
    source = pack[form](root, tmp_path / f"hello.{form}") if form in pack else root

    said = depot.told("import", PROJECT, str(source))

    assert said.startswith("Imported 1 debug file, ")
    found = seat.said("debuginfod-find", "debuginfo", build_id_of(program))
    assert Path(found.strip()).read_bytes() == content


def test_an_imported_symbol_store_is_served_with_its_paths(
    depot: Depot, tmp_path: Path
) -> None:
    guid = uuid4()
    key = f"{guid.hex.upper()}1"
    files = {
        f"hello.pdb/{key}/hello.pdb": builders.pdb(guid),
        "hello.dll/5AB380772000/hello.dll": builders.pe(guid),
        f"hello.so/{guid.hex.upper()}0/hello.so.sym": builders.breakpad(guid),
    }
    for path, content in files.items():
        (tmp_path / "store" / path).parent.mkdir(parents=True)
        (tmp_path / "store" / path).write_bytes(content)
    pdb = tmp_path / "store" / "hello.pdb" / key / "hello.pdb"
    packed.cabinet(pdb, pdb.with_name("hello.pd_"))
    pdb.unlink()
    (tmp_path / "store" / "pingme.txt").touch()

    depot.told("import", PROJECT, str(tmp_path / "store"))

    assert {path: depot.wire.ask("GET", f"/{path}").content for path in files} == files


def test_an_import_that_is_killed_repeatedly_completes(
    start_depot: StartDepot, tmp_path: Path
) -> None:
    depot = start_depot(chunk_size=32 * 1024, symcaches=False)
    series = Series.of(tmp_path / "first", filling_bytes=80_000)
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(FILES):
        (tree / f"program{number}").write_bytes(series.next())

    for kill in range(KILLS):
        with begun(depot, tree) as importing:
            enough = 5 + counted(depot)
            assert crashing.comes_true(
                lambda: counted(depot) >= enough,  # noqa: B023 -- asked at once
                within_seconds=60,
            )
            time.sleep(kill * 0.013)
            importing.kill()
    left = FILES - counted(depot)
    last = ended(depot, tree)

    assert 0 < last["imported"] <= left
    assert last["imported"] + last["here_already"] == FILES
    assert counted(depot) == FILES
    again = ended(depot, tree)
    assert (again["imported"], again["here_already"]) == (0, FILES)
    # It makes no uploads of what it enters, and leaves nothing half done.
    assert crashing.tally(depot) == {**crashing.whole(FILES), "assemblies": 0, "ok": 0}
    assert json.loads(depot.told("fsck", "--json"))["sound"]


def begun(depot: Depot, tree: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-m", "symdepot", "import", PROJECT, str(tree), "--json"],
        cwd=depot.folder,
        env=dict(depot.environment),
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(depot: Depot, tree: Path) -> Json:
    with begun(depot, tree) as importing:
        return json.loads(importing.communicate()[0])


def counted(depot: Depot) -> int:
    return len(depot.wire.all_files())
