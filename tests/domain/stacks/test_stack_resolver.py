"""Stacks of addresses are resolved to functions, files and lines."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fixtures import compiled

from symdepot.domain.formats import inspection
from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange
from symdepot.domain.stacks.stack_resolver import (
    FrameOrder,
    FrameRequest,
    FrameStatus,
    ModuleStatus,
    ModuleSymbols,
    ResolvedFrame,
    ResolvedStacks,
    StackRequest,
)
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import ObjectSelector
from symdepot.domain.symcache.reader import OpenSymCache, SymbolFrame

BASE = 0x7F00_0000
PROGRAM = """\
static inline int twice(volatile int *x) { return *x + *x; }
static inline int thrice(volatile int *x) { return *x + twice(x); }
int main(int count, char **words) { volatile int x = count; return thrice(&x); }
"""


def symbol(function: str, line: int = 1, address: int = 0x100) -> SymbolFrame:
    return SymbolFrame(function, f"/src/{function}.c", line, "c", address)


@dataclass
class FakeSymbols:
    """Symbols at fixed addresses; records the addresses that are looked up."""

    symbols: Mapping[int, Sequence[SymbolFrame]]
    arch: str = "x86_64"
    looked_up: list[int] = field(default_factory=list)

    def frames_at(self, addresses: Sequence[int]) -> list[Sequence[SymbolFrame]]:
        self.looked_up.extend(addresses)
        return [self.symbols.get(address, ()) for address in addresses]


def resolved(
    frames: Sequence[FrameRequest],
    symbols: ModuleSymbols,
    images: Sequence[MemoryRange] = (MemoryRange(BASE, 0x1000),),
    *,
    registers: Mapping[str, int] | None = None,
    signal: int | None = None,
) -> ResolvedStacks:
    stack = StackRequest(frames, registers or {})
    return resolved_stacks([stack], symbols, images, signal=signal)


def resolved_stacks(
    stacks: Sequence[StackRequest],
    symbols: ModuleSymbols,
    images: Sequence[MemoryRange] = (MemoryRange(BASE),),
    *,
    signal: int | None = None,
    order: FrameOrder = FrameOrder.CALLEE_FIRST,
) -> ResolvedStacks:
    """Resolve with the same symbols for each module."""
    memory_map = MemoryMap(images)
    touched = stack_resolver.touched_modules(stacks, memory_map)
    by_module = dict.fromkeys(touched, symbols)
    return stack_resolver.resolve(
        stacks, memory_map, by_module, signal=signal, order=order
    )


def test_an_address_becomes_a_function_a_file_and_a_line() -> None:
    main = symbol("main", line=7, address=0x100)

    answer = resolved([FrameRequest(BASE + 0x123)], FakeSymbols({0x123: [main]}))

    assert answer.stacks == [
        [
            ResolvedFrame(
                status=FrameStatus.SYMBOLICATED,
                original_index=0,
                address=BASE + 0x123,
                module=0,
                is_relative=False,
                symbol=main,
                function_address=BASE + 0x100,
            )
        ]
    ]
    assert answer.modules == [ModuleStatus.FOUND]


def test_inlined_functions_are_frames_of_their_own_innermost_first() -> None:
    fake = FakeSymbols({0x123: [symbol("leaf"), symbol("middle"), symbol("main")]})

    answer = resolved([FrameRequest(BASE + 0x123)], fake)

    (frames,) = answer.stacks
    assert [(f.symbol and f.symbol.function, f.original_index) for f in frames] == [
        ("leaf", 0),
        ("middle", 0),
        ("main", 0),
    ]
    assert [f.function_address for f in frames] == [None, None, BASE + 0x100]


def test_caller_first_order_reverses_inlined_functions_too() -> None:
    fake = FakeSymbols({0x10: [symbol("leaf"), symbol("f")], 0x1F: [symbol("main")]})
    stack = StackRequest([FrameRequest(BASE + 0x10), FrameRequest(BASE + 0x20)])

    answer = resolved_stacks([stack], fake, order=FrameOrder.CALLER_FIRST)

    (frames,) = answer.stacks
    assert [(f.symbol and f.symbol.function, f.original_index) for f in frames] == [
        ("main", 1),
        ("f", 0),
        ("leaf", 0),
    ]


def test_all_frames_but_the_first_are_return_addresses() -> None:
    fake = FakeSymbols({0x10: [symbol("leaf")], 0x1F: [symbol("main")]})

    answer = resolved([FrameRequest(BASE + 0x10), FrameRequest(BASE + 0x20)], fake)

    assert fake.looked_up == [0x10, 0x1F]
    assert [f.address for f in answer.stacks[0]] == [BASE + 0x10, BASE + 0x1F]


def test_an_address_may_be_relative_to_a_module() -> None:
    fake = FakeSymbols({0x10: [symbol("leaf")]})
    frames = [FrameRequest(0x10, module=1), FrameRequest(0x11, module=1)]

    answer = resolved(frames, fake, [MemoryRange(BASE), MemoryRange(BASE + 0x1000)])

    assert fake.looked_up == [0x10]
    assert [(f.module, f.address, f.is_relative) for f in answer.stacks[0]] == [
        (1, BASE + 0x1010, False),
        (1, BASE + 0x1010, False),
    ]
    assert answer.modules == [ModuleStatus.UNUSED, ModuleStatus.FOUND]


def test_relative_addresses_of_a_module_at_zero_are_not_adjusted() -> None:
    fake = FakeSymbols({0x10: [symbol("leaf")]}, arch="wasm32")
    frames = [FrameRequest(0x10, module=0), FrameRequest(0x10, module=0)]

    answer = resolved(frames, fake, [MemoryRange(0)])

    assert fake.looked_up == [0x10]
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
def test_a_frame_of_a_module_without_symbols_has_the_status_of_the_module(
    status: ModuleStatus, of_frame: FrameStatus
) -> None:
    answer = resolved([FrameRequest(BASE + 0x10)], status)

    assert answer.stacks == [
        [ResolvedFrame(of_frame, 0, BASE + 0x10, 0, is_relative=False)]
    ]
    assert answer.modules == [status]


def test_unresolved_addresses_are_returned_unchanged() -> None:
    frames = [
        FrameRequest(BASE + 0x10),
        FrameRequest(0x10),
        FrameRequest(0x10, module=7),
        FrameRequest(BASE),
    ]

    answer = resolved(frames, FakeSymbols({}))

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


def test_unresolved_guesses_are_left_out() -> None:
    fake = FakeSymbols({0x0F: [symbol("main")]})
    frames = [
        FrameRequest(BASE + 0x10, is_guess=True),
        FrameRequest(BASE + 0x10, is_guess=True),
        FrameRequest(BASE + 0x20, is_guess=True),
        FrameRequest(0x20, is_guess=True),
    ]

    answer = resolved(frames, fake)

    assert [f.original_index for f in answer.stacks[0]] == [1]


def test_an_unknown_last_frame_below_start_is_left_out() -> None:
    fake = FakeSymbols({0x10: [symbol("_start")]})
    start, rubbish = FrameRequest(BASE + 0x10), FrameRequest(0x20)

    assert len(resolved([start, rubbish], fake).stacks[0]) == 1
    assert len(resolved([start, rubbish, rubbish], fake).stacks[0]) == 3


def test_repeated_addresses_are_looked_up_once_and_in_order() -> None:
    fakes = {0: FakeSymbols({}), 1: FakeSymbols({})}
    images = [MemoryRange(BASE + 0x1000), MemoryRange(BASE)]
    addresses = (BASE + 0x1030, BASE + 0x20, BASE + 0x1010, BASE + 0x20)
    stack = StackRequest([FrameRequest(a, adjusted=False) for a in addresses])
    memory_map = MemoryMap(images)

    touched = stack_resolver.touched_modules([stack, stack], memory_map)
    stack_resolver.resolve([stack, stack], memory_map, fakes)

    assert touched == [0, 1]
    assert (fakes[0].looked_up, fakes[1].looked_up) == ([0x10, 0x30], [0x20])


def test_the_first_frame_of_a_crash_in_a_signal_handler_is_a_return_address() -> None:
    fake = FakeSymbols({})

    resolved([FrameRequest(BASE + 8)], fake, registers={"rip": 1}, signal=11)

    assert fake.looked_up == [7]


def test_agrees_with_binutils_on_a_real_program(tmp_path: Path) -> None:
    program = compiled.elf_program(tmp_path, source=PROGRAM)
    opened = _symbols(program)
    addresses = _addresses_of("main", program)

    answers = [
        resolved([FrameRequest(BASE + address)], opened, [MemoryRange(BASE)])
        for address in addresses
    ]

    expected = [_resolved_by_binutils(program, address) for address in addresses]
    stacks = [answer.stacks[0] for answer in answers]
    assert [_functions(frames) for frames in stacks] == expected
    assert [("twice", 1), ("thrice", 2), ("main", 3)] in expected
    assert {frames[-1].function_address for frames in stacks} == {BASE + addresses[0]}


def test_ten_thousand_frames_take_less_than_400_ms() -> None:
    known = [symbol("leaf"), symbol("main")]
    fake = FakeSymbols(dict.fromkeys(range(0x1000), known))
    stack = StackRequest([FrameRequest(BASE + 7919 * i % 0x1000) for i in range(100)])
    began = time.process_time()

    answer = resolved_stacks([stack] * 100, fake)

    spent = time.process_time() - began
    assert sum(len(frames) for frames in answer.stacks) > 19_000
    # Measured: 40 ms; ten times as much on a loaded machine.
    assert spent < 0.4


def _symbols(program: Path) -> OpenSymCache:
    (found,) = inspection.inspect(program, name="hello")
    into = program.with_suffix(".symcache")
    into.touch()
    converter.convert(program, ObjectSelector(found.debug_id, found.arch), into)
    return OpenSymCache.open(into)


def _functions(frames: Sequence[ResolvedFrame]) -> list[tuple[str, int]]:
    return [(f.symbol.function, f.symbol.line) for f in frames if f.symbol]


def _addresses_of(function: str, program: Path) -> range:
    for line in _output("nm", "-S", program).splitlines():
        if line.endswith(f" T {function}"):
            start, size, _, _ = line.split()
            return range(int(start, 16), int(start, 16) + int(size, 16))
    raise AssertionError(function)


def _resolved_by_binutils(program: Path, address: int) -> list[tuple[str, int]]:
    output = _output(
        "addr2line", "-f", "-i", "-e", program, f"{address:x}"
    ).splitlines()
    lines = [int(line.rpartition(":")[2].split()[0]) for line in output[1::2]]
    return list(zip(output[::2], lines, strict=True))


def _output(*command: str | Path) -> str:
    return subprocess.run(  # noqa: S603 -- binutils, on our own files
        command, check=True, capture_output=True, text=True, timeout=60
    ).stdout
