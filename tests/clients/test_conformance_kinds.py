"""Every kind of file that the clients find, sent by each of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from tests import environment
from tests.clients import builds
from tests.clients.depot import Depot
from tests.clients.sentry_cli import RunResult, SentryCli
from tests.clients.wire import Json
from tests.fixtures import builders

CORPUS = environment.PROJECT.parent / "shared" / "corpus" / "symbolic"

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

KNOWS_DART = (2, 52, 0)
DONE = "> File processing complete:"
STAMP = 0xBEEF


def sent(client: SentryCli, depot: Depot, names: Sequence[str]) -> list[Json]:
    """Upload files of the corpus to a project of their own; return what it has then.

    The client may say little, since the chunks of all but the first are there.
    """
    wire = depot.of_project(f"kinds-{uuid4().hex[:12]}")
    own = client.configured(**{**client.settings, "SENTRY_PROJECT": wire.project})
    ended = own.upload("--wait", *[CORPUS / name for name in names])
    assert ended.exit_code == 0, ended
    assert all_known(own.upload("--wait", *[CORPUS / name for name in names]))
    return sorted((wire.files()), key=lambda row: str(row["objectName"]))


def kept(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def about_files(ended: RunResult) -> list[str]:
    """Return the files' own lines, less those about symcaches that came to nothing."""
    assert ended.exit_code == 0, ended
    told = ended.lines[ended.lines.index(DONE) + 1 :]
    return [line for line in told if not line.startswith("No symcache")]


def all_known(ended: RunResult) -> bool:
    last = "> Nothing to upload, all files are on the server"
    return ended.exit_code == 0 and last in ended.lines


@pytest.mark.conformance(10)
def test_portable_pdbs_are_stored_alone_and_extracted_from_programs(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    alone, inside = uuid4(), uuid4()
    pdb = builders.portable_pdb(inside, STAMP, methods=3)
    folder = kept(
        tmp_path / "net",
        {
            "Alone.pdb": builders.portable_pdb(alone, STAMP, methods=2),
            "App.dll": builders.pe(inside, STAMP, embedded=pdb),
        },
    )

    ended = client.upload("--wait", folder)

    assert about_files(ended) == sorted(
        [
            f"OK {alone}-{STAMP:x} (Alone.pdb; unknown debug companion)",
            f"OK {inside}-{STAMP:x} (App.pdb; unknown debug companion)",
        ]
    )
    assert list(depot.wire.copies(f"{inside}-{STAMP:x}").values()) == [pdb]
    assert all_known(client.upload("--wait", folder))


@pytest.mark.conformance(10)
@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us")
def test_real_portable_pdbs_keep_their_long_age(
    client: SentryCli, depot: Depot
) -> None:
    rows = sent(client, depot, ["portable.pdb", "portable-sources.pdb"])

    assert [(row["objectName"], row["debugId"]) for row in rows] == [
        ("portable-sources.pdb", "526f365f-4d8d-4fa8-b370-eae9a9136de4-a39453e5"),
        ("portable.pdb", "1d6929b4-468b-4db8-9389-9a12bd257e1b-ab8cf31e"),
    ]


@pytest.mark.conformance(11)
def test_bcsymbolmaps_are_stored_under_the_ids_in_their_names(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    hidden, original = uuid4(), uuid4()
    files = {
        f"{str(hidden).upper()}.plist": builders.uuid_map(original),
        f"{original}.bcsymbolmap": builders.bc_symbol_map("_main", str(hidden)),
    }
    folder = kept(tmp_path / "BCSymbolMaps", files)

    ended = client.upload("--wait", folder)

    assert about_files(ended) == sorted(
        f"OK {known} ({name}; any)"
        for known, name in zip((hidden, original), files, strict=True)
    )
    for known, (name, content), kind in zip(
        (hidden, original), files.items(), ("uuidmap", "bcsymbolmap"), strict=True
    ):
        (row,) = depot.wire.files(debug_id=str(known))
        assert (row["symbolType"], row["objectName"]) == (kind, name)
        assert depot.wire.download(row["id"]) == content
    assert all_known(client.upload("--wait", folder))


@pytest.mark.conformance(11)
@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us")
def test_real_bcsymbolmaps_are_stored(client: SentryCli, depot: Depot) -> None:
    names = [
        "2d10c42f-591d-3265-b147-78ba0868073f.plist",
        "c8374b6d-6e96-34d8-ae38-efaa5fec424f.bcsymbolmap",
    ]

    rows = sent(client, depot, names)

    assert [(row["objectName"], row["debugId"], row["symbolType"]) for row in rows] == [
        (names[0], "2d10c42f-591d-3265-b147-78ba0868073f", "uuidmap"),
        (names[1], "c8374b6d-6e96-34d8-ae38-efaa5fec424f", "bcsymbolmap"),
    ]


@pytest.mark.conformance(12)
def test_a_fat_file_is_stored_in_slices_and_breakpad_text_unchanged(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    intel, arm, symbols = uuid4(), uuid4(), uuid4()
    slices = [(intel, builders.CPU_X86_64), (arm, builders.CPU_ARM64)]
    text = builders.breakpad(symbols)
    files = {"App": builders.fat_macho(slices, builders.dsym), "crash.sym": text}
    folder = kept(tmp_path / "apple", files)

    ended = client.upload("--wait", folder)

    assert about_files(ended) == sorted(
        [
            f"OK {intel} (App; x86_64 debug companion)",
            f"OK {arm} (App; arm64 debug companion)",
            f"OK {symbols} (crash; x86_64 debug companion)",
        ]
    )
    for each, cpu in slices:
        (content,) = depot.wire.copies(str(each)).values()
        assert content.rstrip(b"\0") == builders.dsym(each, cpu).rstrip(b"\0")
    assert list(depot.wire.copies(str(symbols)).values()) == [text]
    assert all_known(client.upload("--wait", folder))


@pytest.mark.all_versions
@pytest.mark.conformance(15)
def test_a_dart_symbol_map_is_stored_under_the_id_of_its_program(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    if client.number < KNOWS_DART:
        pytest.skip(f"sentry-cli {client} does not know Dart")
    names = tmp_path / "dartsymbolmap.json"
    names.write_text(json.dumps(["_MyApp", uuid4().hex, "run", "b"]))
    one = builds.compiled(tmp_path, "app.android-arm64")
    two = builds.compiled(tmp_path, "app.android-x64")

    first = client.run("dart-symbol-map", "upload", names, one)
    again = client.run("dart-symbol-map", "upload", names, one)
    other = client.run("dart-symbol-map", "upload", names, two)

    assert about_files(first) == [
        f"OK {builds.debug_id(one)} (dartsymbolmap.json; any)"
    ]
    assert all_known(again)
    assert all_known(other)
    for program in (one, two):
        (row,) = depot.wire.files(debug_id=builds.debug_id(program))
        assert row["symbolType"] == "dartsymbolmap"
        assert row["data"] == {"type": None, "features": ["mapping"]}
        assert depot.wire.download(row["id"]) == names.read_bytes()


@pytest.mark.conformance(27)
def test_every_advertised_file_type_is_accepted(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    program, pdb, portable, bitcode, plist = (uuid4() for _ in range(5))
    folder = kept(
        tmp_path / "all",
        {
            "app.exe": builders.pe(
                program, STAMP, embedded=builders.portable_pdb(portable, 1, methods=1)
            ),
            "app.pdb": builders.pdb(pdb, 7),
            f"{bitcode}.bcsymbolmap": builders.bc_symbol_map(bitcode.hex),
            f"{plist}.plist": builders.uuid_map(plist),
        },
    )

    ended = client.upload("--wait", folder)

    assert {line.split()[1] for line in about_files(ended)} == {
        f"{pdb}-7",
        f"{portable}-1",
        str(bitcode),
        str(plist),
    }
    assert "not support" not in ended.reported
