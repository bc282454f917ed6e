"""Stack traces of addresses in; functions, files and lines out."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fixtures import compiled

from symdepot.domain.formats import inspection
from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.memory_map import MemoryRange
from symdepot.domain.stacks.stack_resolver import (
    FrameOrder,
    FrameRequest,
    FrameStatus,
    ModuleStatus,
    ResolvedFrame,
    ResolvedStacks,
    StackRequest,
    SymbolsOf,
    SymbolSource,
)
from symdepot.domain.symcache import symcache_file
from symdepot.domain.symcache.address_lookup import SymbolFrame as Place
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.domain.symcache.symcache_file import OpenSymCache

BASE = 0x7F00_0000
PROGRAM = """\
static inline int twice(volatile int *x) { return *x + *x; }
static inline int thrice(volatile int *x) { return *x + twice(x); }
int main(int count, char **words) { volatile int x = count; return thrice(&x); }
"""


def place(function: str, line: int = 1, address: int = 0x100) -> Place:
    return Place(function, f"/src/{function}.c", line, "c", address)


@dataclass
class Book:
    """Symbols that are written down, and that remember what they were asked."""

    places: Mapping[int, Sequence[Place]]
    arch: str = "x86_64"
    asked: list[int] = field(default_factory=list)

    def frames_at(self, addresses: Sequence[int]) -> list[Sequence[Place]]:
        self.asked.extend(addresses)
        return [self.places.get(address, ()) for address in addresses]


def always(symbols: SymbolSource | ModuleStatus) -> SymbolsOf:
    """Answer for every module alike."""
    return lambda modules: dict.fromkeys(modules, symbols)


def resolved(
    frames: Sequence[FrameRequest],
    symbols_of: SymbolsOf,
    images: Sequence[MemoryRange] = (MemoryRange(BASE, 0x1000),),
    *,
    registers: Mapping[str, int] | None = None,
    signal: int | None = None,
) -> ResolvedStacks:
    stack = StackRequest(frames, registers or {})
    return stack_resolver.resolve([stack], images, symbols_of, signal=signal)


def test_an_address_becomes_a_function_a_file_and_a_line() -> None:
    main = place("main", line=7, address=0x100)

    answer = resolved([FrameRequest(BASE + 0x123)], always(Book({0x123: [main]})))

    assert answer.stacks == [
        [
            ResolvedFrame(
                status=FrameStatus.SYMBOLICATED,
                original_index=0,
                address=BASE + 0x123,
                module=0,
                is_relative=False,
                place=main,
                function_address=BASE + 0x100,
            )
        ]
    ]
    assert answer.modules == [ModuleStatus.FOUND]


def test_inlined_functions_are_frames_of_their_own_innermost_first() -> None:
    book = Book({0x123: [place("leaf"), place("middle"), place("main")]})

    answer = resolved([FrameRequest(BASE + 0x123)], always(book))

    (frames,) = answer.stacks
    assert [(f.place and f.place.function, f.original_index) for f in frames] == [
        ("leaf", 0),
        ("middle", 0),
        ("main", 0),
    ]
    assert [f.function_address for f in frames] == [None, None, BASE + 0x100]


def test_the_order_may_be_turned_round_inlined_functions_included() -> None:
    book = Book({0x10: [place("leaf"), place("f")], 0x1F: [place("main")]})
    stack = StackRequest([FrameRequest(BASE + 0x10), FrameRequest(BASE + 0x20)])

    answer = stack_resolver.resolve(
        [stack], [MemoryRange(BASE)], always(book), order=FrameOrder.CALLER_FIRST
    )

    (frames,) = answer.stacks
    assert [(f.place and f.place.function, f.original_index) for f in frames] == [
        ("main", 1),
        ("f", 0),
        ("leaf", 0),
    ]


def test_all_frames_but_the_first_are_looked_up_where_they_called() -> None:
    book = Book({0x10: [place("leaf")], 0x1F: [place("main")]})

    answer = resolved(
        [FrameRequest(BASE + 0x10), FrameRequest(BASE + 0x20)], always(book)
    )

    assert book.asked == [0x10, 0x1F]
    assert [f.address for f in answer.stacks[0]] == [BASE + 0x10, BASE + 0x1F]


def test_an_address_may_be_relative_to_a_module() -> None:
    book = Book({0x10: [place("leaf")]})
    frames = [FrameRequest(0x10, module=1), FrameRequest(0x11, module=1)]

    answer = resolved(
        frames, always(book), [MemoryRange(BASE), MemoryRange(BASE + 0x1000)]
    )

    assert book.asked == [0x10]
    assert [(f.module, f.address, f.is_relative) for f in answer.stacks[0]] == [
        (1, BASE + 0x1010, False),
        (1, BASE + 0x1010, False),
    ]
    assert answer.modules == [ModuleStatus.UNUSED, ModuleStatus.FOUND]


def test_in_a_module_without_absolute_addresses_nothing_is_adjusted() -> None:
    book = Book({0x10: [place("leaf")]}, arch="wasm32")
    frames = [FrameRequest(0x10, module=0), FrameRequest(0x10, module=0)]

    answer = resolved(frames, always(book), [MemoryRange(0)])

    assert book.asked == [0x10]
    assert {
        (f.address, f.is_relative, f.function_address) for f in answer.stacks[0]
    } == {(0x10, True, 0x100)}


@pytest.mark.parametrize(
    ("status", "of_frame"),
    [
        (ModuleStatus.MISSING, FrameStatus.MISSING),
        (ModuleStatus.MALFORMED, FrameStatus.MALFORMED),
        (ModuleStatus.FETCHING_FAILED, FrameStatus.MISSING),
        (ModuleStatus.TIMEOUT, FrameStatus.MISSING),
        (ModuleStatus.UNSUPPORTED, FrameStatus.MISSING),
        (ModuleStatus.OTHER, FrameStatus.MISSING),
    ],
)
def test_a_frame_of_a_module_without_symbols_says_what_is_the_matter(
    status: ModuleStatus, of_frame: FrameStatus
) -> None:
    answer = resolved([FrameRequest(BASE + 0x10)], always(status))

    assert answer.stacks == [
        [ResolvedFrame(of_frame, 0, BASE + 0x10, 0, is_relative=False)]
    ]
    assert answer.modules == [status]


def test_an_address_in_no_module_and_one_in_no_function_stay_as_they_are() -> None:
    frames = [
        FrameRequest(BASE + 0x10),
        FrameRequest(0x10),
        FrameRequest(0x10, module=7),
        FrameRequest(BASE),
    ]

    answer = resolved(frames, always(Book({})))

    assert answer.stacks == [
        [
            ResolvedFrame(
                FrameStatus.MISSING_SYMBOL, 0, BASE + 0x10, 0, is_relative=False
            ),
            ResolvedFrame(FrameStatus.UNKNOWN_IMAGE, 1, 0x10, None, is_relative=False),
            ResolvedFrame(FrameStatus.UNKNOWN_IMAGE, 2, 0x10, None, is_relative=True),
            ResolvedFrame(FrameStatus.MISSING_SYMBOL, 3, BASE, 0, is_relative=False),
        ]
    ]


def test_guesses_that_turn_out_to_be_nothing_are_left_out() -> None:
    book = Book({0x0F: [place("main")]})
    frames = [
        FrameRequest(BASE + 0x10, is_guess=True),
        FrameRequest(BASE + 0x10, is_guess=True),
        FrameRequest(BASE + 0x20, is_guess=True),
        FrameRequest(0x20, is_guess=True),
    ]

    answer = resolved(frames, always(book))

    assert [f.original_index for f in answer.stacks[0]] == [1]


def test_below_the_start_of_a_program_there_is_nothing() -> None:
    book = Book({0x10: [place("_start")]})
    start, rubbish = FrameRequest(BASE + 0x10), FrameRequest(0x20)

    assert len(resolved([start, rubbish], always(book)).stacks[0]) == 1
    assert len(resolved([start, rubbish, rubbish], always(book)).stacks[0]) == 3


def test_repeated_addresses_are_looked_up_once_and_in_order() -> None:
    books = {0: Book({}), 1: Book({})}
    images = [MemoryRange(BASE + 0x1000), MemoryRange(BASE)]
    addresses = (BASE + 0x1030, BASE + 0x20, BASE + 0x1010, BASE + 0x20)
    stack = StackRequest([FrameRequest(a, adjusted=False) for a in addresses])
    opened: list[Sequence[int]] = []

    def symbols_of(modules: Sequence[int]) -> dict[int, Book]:
        opened.append(modules)
        return books

    stack_resolver.resolve([stack, stack], images, symbols_of)

    assert opened == [[0, 1]]
    assert (books[0].asked, books[1].asked) == ([0x10, 0x30], [0x20])


def test_the_first_frame_of_a_crash_may_be_a_return_address_after_all() -> None:
    book = Book({})

    resolved([FrameRequest(BASE + 8)], always(book), registers={"rip": 1}, signal=11)

    assert book.asked == [7]


def test_of_a_real_program_it_says_what_binutils_say(tmp_path: Path) -> None:
    program = compiled.elf_program(tmp_path, source=PROGRAM)
    opened = _symbols(program)
    addresses = _addresses_of("main", program)

    answers = [
        resolved([FrameRequest(BASE + address)], always(opened), [MemoryRange(BASE)])
        for address in addresses
    ]

    told = [_told_by_binutils(program, address) for address in addresses]
    stacks = [answer.stacks[0] for answer in answers]
    assert [_functions(frames) for frames in stacks] == told
    assert [("twice", 1), ("thrice", 2), ("main", 3)] in told
    assert {frames[-1].function_address for frames in stacks} == {BASE + addresses[0]}


def test_ten_thousand_frames_cost_little_besides_the_lookups() -> None:
    known = [place("leaf"), place("main")]
    book = Book(dict.fromkeys(range(0x1000), known))
    stack = StackRequest([FrameRequest(BASE + 7919 * i % 0x1000) for i in range(100)])
    began = time.process_time()

    answer = stack_resolver.resolve([stack] * 100, [MemoryRange(BASE)], always(book))

    spent = time.process_time() - began
    assert sum(len(frames) for frames in answer.stacks) > 19_000
    # Measured: 40 ms. A loaded machine takes its time, but not an order of magnitude.
    assert spent < 0.4


def _symbols(program: Path) -> OpenSymCache:
    (found,) = inspection.inspect(program, name="hello")
    into = program.with_suffix(".symcache")
    into.touch()
    symcache_file.convert(program, ObjectSelector(found.debug_id, found.arch), into)
    return OpenSymCache.open(into)


def _functions(frames: Sequence[ResolvedFrame]) -> list[tuple[str, int]]:
    return [(f.place.function, f.place.line) for f in frames if f.place]


def _addresses_of(function: str, program: Path) -> range:
    for line in _output("nm", "-S", program).splitlines():
        if line.endswith(f" T {function}"):
            start, size, _, _ = line.split()
            return range(int(start, 16), int(start, 16) + int(size, 16))
    raise AssertionError(function)


def _told_by_binutils(program: Path, address: int) -> list[tuple[str, int]]:
    told = _output("addr2line", "-f", "-i", "-e", program, f"{address:x}").splitlines()
    lines = [int(place.rpartition(":")[2].split()[0]) for place in told[1::2]]
    return list(zip(told[::2], lines, strict=True))


def _output(*command: str | Path) -> str:
    return subprocess.run(  # noqa: S603 -- binutils, on our own files
        command, check=True, capture_output=True, text=True, timeout=60
    ).stdout
