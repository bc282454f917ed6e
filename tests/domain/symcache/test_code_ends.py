"""Symbols end with their section, also those whose size the symbol table lacks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures import compiled
from tests.fixtures.command_output import output_of

from symdepot.domain.formats import elf_headers, inspection
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import ObjectSelector, SymCacheWritten
from symdepot.domain.symcache.reader import OpenSymCache

UNSIZED = """\
__asm__(".pushsection last_code,\\"ax\\",@progbits\\n.globl unsized, the_end\\n"
        ".type unsized,@function\\n.type the_end,@function\\n"
        "unsized: nop\\nnop\\nret\\nthe_end:\\n.popsection\\n");
int main(void) { return 0; }
"""
"""`unsized` has no `.size`; `the_end` is at the end of the section, as Go's `etext`."""
BEYOND = 0x900_0000


def opened(source: Path, into: Path) -> OpenSymCache:
    (found,) = inspection.inspect(source, name="a")
    into.write_bytes(b"")
    selector = ObjectSelector(found.debug_id, found.arch)
    sections = elf_headers.code_sections(source)
    made = converter.convert(source, selector, into, sections)
    assert isinstance(made, SymCacheWritten)
    return OpenSymCache.open(into)


def names_at(symbols: OpenSymCache, *addresses: int) -> list[str]:
    found = symbols.frames_at(addresses)
    return [frames[-1].function if frames else "" for frames in found]


def code_sections(program: Path) -> dict[str, range]:
    """Names and addresses of executable sections, as readelf prints them."""
    line = re.compile(
        r"\] (\S+) +\w+ +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) +[0-9a-f]+ +AX ", re.ASCII
    )
    return {
        name: range(int(start, 16), int(start, 16) + int(size, 16))
        for name, start, size in line.findall(output_of("readelf", "-SW", program))
    }


def without_symtab(program: Path) -> Path:
    return compiled.stripped(program)


def whole(program: Path) -> Path:
    return program


@pytest.mark.parametrize(
    ("options", "base", "change"),
    [
        ("-pie -g", 0, whole),
        ("-pie -g0", 0, whole),
        ("-no-pie -g", 0x40_0000, whole),
        ("-no-pie -g", 0x40_0000, compiled.debug_companion),
        ("-shared -fPIC -g0", 0, without_symtab),
    ],
)
def test_a_symbol_without_a_size_ends_with_its_section(
    tmp_path: Path, options: str, base: int, change: Callable[[Path], Path]
) -> None:
    program = compiled.elf_program(tmp_path, source=UNSIZED, options=options)
    unsized = compiled.start_of("unsized", program)
    sections = code_sections(program)
    last = sections["last_code"]
    assert (unsized, compiled.start_of("the_end", program)) == (last.start, last.stop)

    symbols = opened(change(program), tmp_path / "symcache")

    inside = names_at(symbols, *(at - base for at in last))
    assert inside == ["unsized"] * 3
    starts = {section.start for section in sections.values()}
    outside = {section.stop for section in sections.values()} - starts
    outside.add(base + BEYOND)
    assert names_at(symbols, *(at - base for at in outside)) == [""] * len(outside)


def test_a_section_without_symbols_has_none_of_the_section_before(
    tmp_path: Path,
) -> None:
    """`.plt` follows `.init`, whose `_init` has no size."""
    program = compiled.elf_program(tmp_path)
    sections = code_sections(program)

    symbols = opened(program, tmp_path / "symcache")

    init, plt, fini = (sections[name] for name in (".init", ".plt", ".fini"))
    asked = init.start, init.stop - 1, plt.start, fini.start, fini.stop - 1, fini.stop
    expected = ["_init", "_init", "", "_fini", "_fini", ""]
    assert names_at(symbols, *asked) == expected


@pytest.mark.parametrize("options", ["-pie", "-no-pie"])
def test_code_sections_are_those_of_readelf(tmp_path: Path, options: str) -> None:
    program = compiled.elf_program(tmp_path, source=UNSIZED, options=options)
    base = 0x40_0000 if options == "-no-pie" else 0
    expected = [
        range(section.start - base, section.stop - base)
        for section in code_sections(program).values()
    ]

    assert elf_headers.code_sections(program) == expected
    assert elf_headers.code_sections(compiled.debug_companion(program)) == expected


@pytest.mark.parametrize("kept", [0, 3, 63, 64, 5000])
def test_a_truncated_file_has_no_code_sections(tmp_path: Path, kept: int) -> None:
    program = compiled.elf_program(tmp_path)
    program.write_bytes(program.read_bytes()[:kept])

    assert elf_headers.code_sections(program) == []
