"""Real debug files resolve as with their own tools."""

import re
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from tests import environment
from tests.clients import builds
from tests.corpus.test_corpus import CORPUS
from tests.factories import Answer
from tests.fixtures import compiled
from tests.protocols.eliot import payloads, sym_text
from tests.protocols.eliot.payloads import job, result

INLINED = """\
#include <stdlib.h>
static inline int inner(int x)
{
    return x * x + rand();
}
static inline int outer(int x)
{
    return inner(x) +
        inner(x + 1);
}
int main(int count, char **words)
{
    if (words == 0)
        return rand();
    return outer(count) > 7;
}
"""

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us")
@pytest.mark.parametrize(
    "name", ["macos-crash.inlines.sym", "macos-crash.sym", "windows-crash.sym"]
)
def test_a_symbol_file_resolves_as_its_text(name: str) -> None:
    content = (CORPUS / "symbolic" / name).read_bytes()
    text = sym_text.read(content.decode())
    payloads.keep(content, name)
    wanted = list(text.addresses())

    told = result(
        {
            "memoryMap": [[text.debug_file, text.debug_id]],
            "stacks": [[(0, address) for _, address in wanted]],
        }
    )

    frames = told["stacks"][0]
    assert len(frames) == len(wanted) > 100
    for frame, (function, address) in zip(frames, wanted, strict=True):
        *inlines, outer = text.expected(function, address)
        assert frame == {
            "frame": frame["frame"],
            "module": text.code_file or text.debug_file,
            "module_offset": hex(address),
            "function_offset": hex(address - function.start),
            **outer,
            **({"inlines": inlines} if inlines else {}),
        }


def test_an_elf_file_resolves_as_with_addr2line(tmp_path: Path) -> None:
    source = tmp_path / "prog.c"
    source.write_text(INLINED)
    program = tmp_path / "prog"
    told("gcc", "-g", "-O2", "-Wl,--build-id", "-o", program, source)
    companion = compiled.debug_companion(program)
    addresses = addresses_of_main(program)
    payloads.keep(companion.read_bytes(), "prog.debug")

    debug_id = f"{UUID(builds.debug_id(program)).hex.upper()}0"
    answer = result(job(*((0, a) for a in addresses), modules=[["prog", debug_id]]))

    frames = answer["stacks"][0]
    assert [functions(frame) for frame in frames] == [
        by_addr2line(program, address) for address in addresses
    ]
    assert max(len(functions(frame)) for frame in frames) == 3
    assert {(frame["module"], frame["function"]) for frame in frames} == {
        ("prog", "main")
    }
    assert [
        int(frame["module_offset"], 16) - int(frame["function_offset"], 16)
        for frame in frames
    ] == [addresses[0]] * len(frames)


def functions(frame: Answer) -> list[tuple[str, int]]:
    """Return functions and lines, innermost first."""
    places = [*frame.get("inlines", ()), frame]
    assert {Path(place["file"]).name for place in places} <= {"prog.c", "stdlib.h"}
    return [(place["function"], place["line"]) for place in places]


def addresses_of_main(program: Path) -> list[int]:
    """Return where the instructions of `main` are, without what pads it."""
    size = re.search(
        r"^[0-9a-f]+ ([0-9a-f]+) T main$", told("nm", "-S", program), re.MULTILINE
    )
    assert size
    listing = told("objdump", "-d", "--no-show-raw-insn", program)
    body = listing.partition("<main>:\n")[2].partition("\n\n")[0]
    first, *rest = (
        int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):", body, re.MULTILINE)
    )
    return [first, *(at for at in rest if at < first + int(size[1], 16))]


def by_addr2line(program: Path, address: int) -> list[tuple[str, int]]:
    said = told("addr2line", "-f", "-i", "-e", program, hex(address)).splitlines()
    lines = [int(place.rpartition(":")[2].split()[0]) for place in said[1::2]]
    return list(zip(said[::2], lines, strict=True))


def told(name: str, *arguments: str | Path) -> str:
    return subprocess.run(  # noqa: S603 -- a compiler and binutils, on our own files
        [environment.program(name), *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
