"""Properties of resolved stacks for arbitrary requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.stacks import stack_resolver
from symdepot.domain.stacks.memory_map import MemoryMap, MemoryRange
from symdepot.domain.stacks.stack_resolver import (
    FrameOrder,
    FrameRequest,
    FrameStatus,
    ModuleStatus,
    ResolvedFrame,
    ResolvedStacks,
    StackRequest,
)
from symdepot.domain.symcache.reader import SymbolFrame

ARCHITECTURES = ["x86_64", "x86", "arm", "arm64", "mips64", "ppc64", "wasm32", "", "?"]
ANY_ADDRESS = st.integers(0, 60) | st.integers(0, 2**64 - 1)
BASE = 0x7F00_0000


@dataclass(frozen=True)
class FakeSymbols:
    """Symbols at each address that is a multiple of `every`."""

    arch: str
    every: int
    depth: int
    looked_up: list[Sequence[int]] = field(default_factory=list, compare=False)

    def frames_at(self, addresses: Sequence[int]) -> list[list[SymbolFrame]]:
        self.looked_up.append(addresses)
        return [[] if a % self.every else self._at(a) for a in addresses]

    def _at(self, address: int) -> list[SymbolFrame]:
        inlined = [SymbolFrame(f"in{n}", "", 0, "", None) for n in range(self.depth)]
        name = "_start" if address % 3 == 0 else "main"
        return [*inlined, SymbolFrame(name, "/a.c", 7, "c", address)]


@dataclass(frozen=True)
class Request:
    stacks: list[StackRequest]
    images: list[MemoryRange]
    symbols: list[FakeSymbols | ModuleStatus]
    signal: int | None

    def resolved(self, order: FrameOrder = FrameOrder.CALLEE_FIRST) -> ResolvedStacks:
        memory_map = MemoryMap(self.images)
        touched = stack_resolver.touched_modules(self.stacks, memory_map)
        symbols = {module: self.symbols[module] for module in touched}
        return stack_resolver.resolve(
            self.stacks, memory_map, symbols, signal=self.signal, order=order
        )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    frames = st.builds(
        FrameRequest,
        ANY_ADDRESS,
        module=st.none() | st.integers(-1, 5),
        adjusted=st.none() | st.booleans(),
        is_guess=st.booleans(),
    )
    registers = st.dictionaries(st.sampled_from(["rip", "pc", "eip"]), ANY_ADDRESS)
    fakes = st.builds(
        FakeSymbols,
        st.sampled_from(ARCHITECTURES),
        every=st.integers(1, 3),
        depth=st.integers(0, 3),
    )
    images = draw(
        st.lists(st.builds(MemoryRange, ANY_ADDRESS, st.integers(0, 20)), max_size=5)
    )
    count = len(images)
    return Request(
        draw(
            st.lists(st.builds(StackRequest, st.lists(frames), registers), max_size=4)
        ),
        images,
        draw(
            st.lists(
                fakes | st.sampled_from(ModuleStatus), min_size=count, max_size=count
            )
        ),
        draw(st.none() | st.integers(-1, 64)),
    )


@given(requests())
def test_frames_are_in_the_order_of_the_request(request: Request) -> None:
    answer = request.resolved()

    assert len(answer.stacks) == len(request.stacks)
    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        indexes = [frame.original_index for frame in frames]
        assert indexes == sorted(indexes)
        assert set(indexes) <= set(range(len(stack.frames)))


@given(requests())
def test_only_guesses_and_frames_below_start_are_left_out(
    request: Request,
) -> None:
    answer = request.resolved()

    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        left_out = set(range(len(stack.frames))) - {f.original_index for f in frames}
        below_the_start = len(stack.frames) - 1
        for index in left_out:
            if not stack.frames[index].is_guess:
                assert index == below_the_start
                symbol = frames[-1].symbol
                assert symbol is not None
                assert symbol.function == "_start"


@given(requests())
def test_an_address_has_one_function_and_its_inlined_functions(
    request: Request,
) -> None:
    answer = request.resolved()

    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        for index, frame in enumerate(stack.frames):
            _check([f for f in frames if f.original_index == index], frame, request)


def _check(
    found: Sequence[ResolvedFrame], frame_request: FrameRequest, request: Request
) -> None:
    match found:
        case []:
            return
        case [ResolvedFrame(status=FrameStatus.SYMBOLICATED), *_]:
            assert all(frame.symbol for frame in found)
            assert {frame.function_address for frame in found[:-1]} <= {None}
            assert found[-1].function_address is not None
            assert len({frame[:5] for frame in found}) == 1
            assert found[0].module is not None
            assert found[0].address >= request.images[found[0].module].address
        case [alone]:
            assert alone.address == frame_request.address
            assert (alone.symbol, alone.function_address) == (None, None)
            assert alone.is_relative is (frame_request.module is not None)
        case _:
            raise AssertionError(found)


@given(requests())
def test_caller_first_is_the_reverse_of_callee_first(request: Request) -> None:
    answer = request.resolved()

    turned = request.resolved(FrameOrder.CALLER_FIRST)

    assert turned.stacks == [frames[::-1] for frames in answer.stacks]


@given(requests())
def test_modules_without_frames_are_unused(
    request: Request,
) -> None:
    answer = request.resolved()

    images = MemoryMap(request.images)
    hits = [
        images.find(frame.address, frame.module)
        for stack in request.stacks
        for frame in stack.frames
    ]
    used = {hit[0] for hit in hits if hit is not None}
    assert answer.modules == [
        ModuleStatus.UNUSED
        if index not in used
        else symbols
        if isinstance(symbols, ModuleStatus)
        else ModuleStatus.FOUND
        for index, symbols in enumerate(request.symbols)
    ]


@given(requests())
def test_addresses_are_looked_up_once_and_in_order(request: Request) -> None:
    request.resolved()

    for symbols in request.symbols:
        if isinstance(symbols, FakeSymbols):
            assert len(symbols.looked_up) <= 1
            for addresses in symbols.looked_up:
                assert list(addresses) == sorted(set(addresses))
                assert all(0 <= address < 2**64 for address in addresses)


@given(requests())
def test_missing_sizes_reach_to_the_next_module(request: Request) -> None:
    memory_map = MemoryMap(request.images)

    for index, image in enumerate(request.images):
        filled = memory_map[index]
        above = [i.address for i in request.images if i.address > image.address]
        twins = [i for i in request.images if i.address == image.address]
        assert filled.address == image.address
        if image.size_bytes or not above:
            assert filled.size_bytes == image.size_bytes
        elif len(twins) == 1:
            assert filled.size_bytes == min(above) - image.address


def test_frames_beyond_the_limit_have_no_inlined_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stack_resolver, "MAX_FRAMES", 5)
    stack = StackRequest([FrameRequest(BASE + 1, adjusted=False)] * 2)
    request = Request(
        [stack] * 2, [MemoryRange(BASE)], [FakeSymbols("x86_64", 1, 1)], None
    )

    answer = request.resolved()

    functions = [
        [f.symbol and f.symbol.function for f in frames] for frames in answer.stacks
    ]
    assert functions == [["in0", "main", "in0", "main"], ["main", "main"]]
