"""gdb and its kin find in a depot all that a stripped program has left behind."""

import re
from pathlib import Path

import pytest
from tests.clients import builds
from tests.clients.debuggers import Seat, build_id_of
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli

pytestmark = [pytest.mark.server, pytest.mark.slow]

LINE_OF_MAIN = 13
"""Where `main` calls `greet`: see `builds`."""


LEAK = """
#include <stdlib.h>
int main(void)
{
    return malloc(7) == NULL;
}
"""


@pytest.fixture(scope="session")
def token(depot: Depot) -> str:
    return depot.told("token", "create", "default", "--url").strip()


@pytest.fixture
def seat(depot: Depot, token: str, tmp_path: Path) -> Seat:
    """A place to debug with a token in the server's URL."""
    home = tmp_path / "home"
    home.mkdir()
    return Seat(home, f"{depot.url}/s/{token}/")


@pytest.fixture
def program(depot: Depot, tmp_path: Path) -> Path:
    """A stripped program, whose debug information lies on the server alone."""
    path = builds.compiled(tmp_path)
    for made in (builds.companion(path), builds.stripped(path)):
        depot.wire.upload(made.read_bytes(), made.name)
    stripped = builds.stripped(path)
    path.with_suffix(".debug").unlink()
    (tmp_path / "hello.c").unlink()
    path.rename(tmp_path / "unstripped")
    return stripped


def address_of_main(tmp_path: Path, seat: Seat) -> str:
    table = seat.said("nm", tmp_path / "unstripped")
    match = re.search(r"^([0-9a-f]+) T main$", table, re.MULTILINE)
    assert match, table
    return f"0x{match[1]}"


def test_debuginfod_find_downloads_an_uploaded_file(
    program: Path, seat: Seat, depot: Depot
) -> None:
    companion, stripped = (
        Path(seat.said("debuginfod-find", kind, build_id_of(program)).strip())
        for kind in ("debuginfo", "executable")
    )

    sent = depot.wire.copies(builds.debug_id(program)).values()
    assert stripped.read_bytes() == program.read_bytes()
    assert {companion.read_bytes(), stripped.read_bytes()} == set(sent)


def test_debuginfod_find_downloads_sections_from_any_file(
    program: Path, seat: Seat, tmp_path: Path
) -> None:
    for name, holder in ((".text", program), (".debug_line", tmp_path / "unstripped")):
        there = tmp_path / "section"
        seat.said("objcopy", "--dump-section", f"{name}={there}", holder, "/dev/null")

        found = seat.said("debuginfod-find", "section", build_id_of(program), name)

        assert Path(found.strip()).read_bytes() == there.read_bytes()


def test_gdb_stops_at_a_line_of_a_stripped_program(program: Path, seat: Seat) -> None:
    said = seat.said(
        *("gdb", "-batch", "-nx", "-iex", "set debuginfod enabled on"),
        *("-ex", f"break hello.c:{LINE_OF_MAIN}", "-ex", "run"),
        *("-ex", "backtrace", "-ex", "print said.times", program),
    )

    assert f"hello.c:{LINE_OF_MAIN}" in said
    assert re.search(r"#0 +main \(argc=1, argv=0x[0-9a-f]+\) at ", said), said
    assert "$1 = 1" in said


def test_gdb_shows_sources_that_sentry_cli_bundled(
    newest: SentryCli, depot: Depot, seat: Seat, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    sent = depot.client(newest).upload("--wait", "--include-sources", path)
    assert sent.exit_code == 0, sent
    stripped = builds.stripped(path)
    path.unlink()
    (tmp_path / "hello.c").unlink()

    said = seat.said(
        *("gdb", "-batch", "-nx", "-iex", "set debuginfod enabled on"),
        *("-ex", f"break hello.c:{LINE_OF_MAIN}", "-ex", "run", stripped),
    )

    assert f"{LINE_OF_MAIN}\t    return greet(&said) == 0;" in said


def test_nothing_is_found_without_a_token(
    program: Path, seat: Seat, depot: Depot
) -> None:
    anybody = seat.asking(depot.url)

    ended = anybody.run("debuginfod-find", "debuginfo", build_id_of(program))

    assert ended.returncode != 0
    assert "No such file" in ended.stderr


# LLVM 14 overlooks a Content-Length in small letters, which is how granian writes it.
@pytest.mark.parametrize("words", ["eu-addr2line -f -e", "llvm-symbolizer-19 --obj"])
def test_symbolizers_resolve_an_address_to_function_and_line(
    program: Path, seat: Seat, tmp_path: Path, words: str
) -> None:
    address = address_of_main(tmp_path, seat)

    said = seat.said(*words.split(), program, address)

    assert re.search(r"^main$", said, re.MULTILINE), said
    assert re.search(r"hello\.c:\d+", said), said


def test_eu_unstrip_combines_program_and_debug_information(
    program: Path, seat: Seat, tmp_path: Path
) -> None:
    build_id = build_id_of(program)
    debug = seat.said("debuginfod-find", "debuginfo", build_id).strip()
    joined = tmp_path / "joined"

    seat.said("eu-unstrip", program, debug, "-o", joined)

    assert " T main\n" in seat.said("nm", joined)


def test_valgrind_names_the_functions_of_a_stripped_program(
    seat: Seat, depot: Depot, tmp_path: Path
) -> None:
    (tmp_path / "leak.c").write_text(LEAK)
    path = tmp_path / "leak"
    seat.said("gcc", "-g", "-Wl,--build-id", "-o", path, tmp_path / "leak.c")
    companion = builds.companion(path)
    depot.wire.upload(companion.read_bytes(), companion.name)
    companion.unlink()

    said = seat.said("valgrind", "--leak-check=full", builds.stripped(path))

    assert "by 0x" in said
    assert re.search(r"main \(leak\.c:\d+\)", said), said


def test_the_token_in_a_path_is_never_logged(
    program: Path, seat: Seat, depot: Depot, token: str
) -> None:
    build_id = build_id_of(program)
    revoked = depot.told("token", "create", "default", "--url").strip()
    number = depot.told("token", "list").strip().splitlines()[-1].split()[0]
    depot.told("token", "revoke", number)

    seat.said("debuginfod-find", "debuginfo", build_id)
    for spoilt in (revoked, f"{token}x"):
        seat.asking(f"{depot.url}/s/{spoilt}/").run(
            "debuginfod-find", "debuginfo", build_id
        )

    assert "/s/…/buildid/" in depot.log
    assert token not in depot.log
    assert revoked not in depot.log


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("//index2.txt", 404),
        ("/index2.txt", 404),
        ("/buildid/../buildid/ab/debuginfo", 400),
        ("/buildid/ab%2Fdebuginfo", 404),
        ("/buildid//ab/debuginfo", 400),
        ("/a%2Bb.exe/5AB380779000/a+b.exe", 404),
        ("/buildid/" + "ab" * 5000 + "/debuginfo", 400),
    ],
)
def test_a_path_reaches_the_view_unchanged(
    depot: Depot, path: str, status: int
) -> None:
    answer = depot.wire.ask("GET", path)

    assert answer.status == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_file_with_an_unusual_name_is_found(depot: Depot, token: str) -> None:
    uploaded = depot.wire.upload(builds.symbols(), "a+b c.sym")
    debug_id = uploaded["dif"]["debugId"].replace("-", "").upper()

    for name in ("a+b%20c", "a%2Bb%20c", "a%2bb%20c"):
        path = f"/s/{token}//{name}.pdb//{debug_id}0/{name}.sym"
        assert depot.wire.ask("GET", path).status == 200
