"""Which ELF files are programs, and which debug information: as elfutils decides it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests import environment
from tests.clients import elfutils
from tests.clients.debuggers import program
from tests.clients.depot import Depot

pytestmark = [pytest.mark.server, pytest.mark.slow]

CASES = environment.PROJECT.parent / "shared" / "cases"
SOURCE = "int twice(int x) { return 2 * x; } int main(int c) { return twice(c); }"
TABLE = "const char table[100] = {1};"
LINKED = {
    "static": (SOURCE, "-static"),
    "static-pie": (SOURCE, "-static-pie"),
    "dynamic": (SOURCE, "-no-pie"),
    "pie": (SOURCE, "-pie"),
    "library": (SOURCE, "-shared", "-fPIC"),
    "split": (SOURCE, "-gsplit-dwarf"),
    "without-lines": (SOURCE, "-g0"),
    "vdso": (SOURCE, "-shared", "-fPIC", "-nostdlib", "-Wl,-soname=linux-vdso.so.1"),
    "data": (TABLE, "-shared", "-nostdlib"),
    "static-data": (TABLE, "-static", "-nostdlib", "-Wl,-e,0"),
}
KINDS = ("debuginfo", "executable")


def run(*words: str | Path, text: str = "", cwd: Path | None = None) -> None:
    subprocess.run(words, check=True, input=text.encode(), cwd=cwd, capture_output=True)  # noqa: S603 -- compilers


class Folder:
    """ELF files, each with a build id of its own, by their build ids."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path, self._scratch = path, scratch
        self.files: dict[str, Path] = {}

    def add(self, name: str) -> tuple[str, Path]:
        build_id = f"{len(self.files) + 0xA1:040x}"
        self.files[build_id] = self.path / name
        return f"0x{build_id}", self.files[build_id]

    def link(self, name: str, source: str, *options: str) -> Path:
        build_id, target = self.add(name)
        words: tuple[str | Path, ...] = (
            "gcc",
            "-g",
            "-x",
            "c",
            "-",
            "-o",
            target,
            *options,
        )
        # In the scratch folder, where split DWARF leaves its files.
        run(*words, f"-Wl,--build-id={build_id}", text=source, cwd=self._scratch)
        return target

    def relocatable(self, name: str) -> Path:
        build_id, target = self.add(name)
        object_file = self._scratch / "one.o"
        run("gcc", "-g", "-c", "-x", "c", "-", "-o", object_file, text=SOURCE)
        run("ld", "-r", object_file, "-o", target, f"--build-id={build_id}")
        return target


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "kept"
    path.mkdir()
    made = Folder(path, tmp_path)
    for name, how in LINKED.items():
        made.link(name, *how)
        for option in ("--only-keep-debug", "--strip-all", "--strip-debug"):
            run("objcopy", option, made.link(f"{name}{option}", *how))
    for name in ("static", "pie"):
        for end in ("of-program", "of-debug"):
            linked = made.link(f"{name}-{end}", *LINKED[name])
            halves = linked.with_suffix(".program"), linked.with_suffix(".debug")
            run("eu-strip", "-f", halves[1], "-o", halves[0], linked)
            halves[end == "of-debug"].replace(linked)
            halves[end == "of-program"].unlink()
    made.relocatable("module.ko")
    for option in ("--only-keep-debug", "--strip-debug"):
        run("objcopy", option, made.relocatable(f"module{option}.ko"))
    return made


def test_both_servers_classify_all_files_alike(folder: Folder, depot: Depot) -> None:
    program("debuginfod")
    if CASES.is_dir():
        for case, build_id in (
            (
                "dwz-supplementary/shared.dwz",
                "e008563abeb6d30d3854f6a2add67b602c3f96a3",
            ),
            ("static-program/tinystatic", "9ba3a269510aa825925fa844ad4a33127ce07c1d"),
        ):
            folder.files[build_id] = folder.path / Path(case).name
            shutil.copyfile(CASES / case, folder.files[build_id])
    for path in folder.files.values():
        depot.wire.upload(path.read_bytes(), path.name)
    paths = {
        f"/buildid/{build_id}/{kind}": f"{path.name} {kind}"
        for build_id, path in folder.files.items()
        for kind in KINDS
    }
    own = {path: depot.wire.ask("GET", path).status for path in paths}

    with elfutils.serving(
        folder.path, [p for p in paths if own[p] == 200]
    ) as reference:
        theirs = {path: reference.ask("GET", path).status for path in paths}

    assert {paths[p]: s for p, s in own.items()} == {
        paths[p]: s for p, s in theirs.items()
    }
    assert set(own.values()) == {200, 404}
