"""Whatever is asked about stack traces, the answer keeps its form, and its length."""

from collections.abc import Mapping, Sequence
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
from symdepot.domain.symcache.address_lookup import SymbolFrame as Place

ARCHITECTURES = ["x86_64", "x86", "arm", "arm64", "mips64", "ppc64", "wasm32", "", "?"]
ANY_ADDRESS = st.integers(0, 60) | st.integers(0, 2**64 - 1)
BASE = 0x7F00_0000


@dataclass(frozen=True)
class Book:
    """Symbols with functions at some of the addresses; `every` says at which."""

    arch: str
    every: int
    depth: int
    asked: list[Sequence[int]] = field(default_factory=list, compare=False)

    def frames_at(self, addresses: Sequence[int]) -> list[list[Place]]:
        self.asked.append(addresses)
        return [[] if a % self.every else self._at(a) for a in addresses]

    def _at(self, address: int) -> list[Place]:
        inlined = [Place(f"in{n}", "", 0, "", None) for n in range(self.depth)]
        name = "_start" if address % 3 == 0 else "main"
        return [*inlined, Place(name, "/a.c", 7, "c", address)]


@dataclass(frozen=True)
class Request:
    stacks: list[StackRequest]
    images: list[MemoryRange]
    symbols: list[Book | ModuleStatus]
    signal: int | None

    def resolved(self, order: FrameOrder = FrameOrder.CALLEE_FIRST) -> ResolvedStacks:
        return stack_resolver.resolve(
            self.stacks, self.images, self.symbols_of, signal=self.signal, order=order
        )

    def symbols_of(self, modules: Sequence[int]) -> Mapping[int, Book | ModuleStatus]:
        return {module: self.symbols[module] for module in modules}


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
    books = st.builds(
        Book,
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
                books | st.sampled_from(ModuleStatus), min_size=count, max_size=count
            )
        ),
        draw(st.none() | st.integers(-1, 64)),
    )


@given(requests())
def test_frames_are_in_the_order_in_which_they_were_asked_for(request: Request) -> None:
    answer = request.resolved()

    assert len(answer.stacks) == len(request.stacks)
    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        indexes = [frame.original_index for frame in frames]
        assert indexes == sorted(indexes)
        assert set(indexes) <= set(range(len(stack.frames)))


@given(requests())
def test_no_frame_is_left_out_but_guesses_and_what_is_below_the_start(
    request: Request,
) -> None:
    answer = request.resolved()

    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        left_out = set(range(len(stack.frames))) - {f.original_index for f in frames}
        below_the_start = len(stack.frames) - 1
        for index in left_out:
            if not stack.frames[index].is_guess:
                assert index == below_the_start
                place = frames[-1].place
                assert place is not None
                assert place.function == "_start"


@given(requests())
def test_one_address_is_one_function_and_those_inlined_into_it(
    request: Request,
) -> None:
    answer = request.resolved()

    for frames, stack in zip(answer.stacks, request.stacks, strict=True):
        for index, asked in enumerate(stack.frames):
            _check([f for f in frames if f.original_index == index], asked, request)


def _check(
    told: Sequence[ResolvedFrame], asked: FrameRequest, request: Request
) -> None:
    match told:
        case []:
            return
        case [ResolvedFrame(status=FrameStatus.SYMBOLICATED), *_]:
            assert all(frame.place for frame in told)
            assert {frame.function_address for frame in told[:-1]} <= {None}
            assert told[-1].function_address is not None
            assert len({frame[:5] for frame in told}) == 1
            assert told[0].module is not None
            assert told[0].address >= request.images[told[0].module].address
        case [alone]:
            assert alone.address == asked.address
            assert (alone.place, alone.function_address) == (None, None)
            assert alone.is_relative is (asked.module is not None)
        case _:
            raise AssertionError(told)


@given(requests())
def test_the_other_order_is_the_same_the_other_way_round(request: Request) -> None:
    answer = request.resolved()

    turned = request.resolved(FrameOrder.CALLER_FIRST)

    assert turned.stacks == [frames[::-1] for frames in answer.stacks]


@given(requests())
def test_each_module_has_a_status_and_is_unused_where_no_frame_lies(
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
def test_symbols_are_asked_once_and_in_order(request: Request) -> None:
    request.resolved()

    for symbols in request.symbols:
        if isinstance(symbols, Book):
            assert len(symbols.asked) <= 1
            for addresses in symbols.asked:
                assert list(addresses) == sorted(set(addresses))
                assert all(0 <= address < 2**64 for address in addresses)


@given(requests())
def test_sizes_are_filled_in_up_to_the_next_module(request: Request) -> None:
    answer = request.resolved()

    for index, image in enumerate(request.images):
        filled = answer.images[index]
        above = [i.address for i in request.images if i.address > image.address]
        twins = [i for i in request.images if i.address == image.address]
        assert filled.address == image.address
        if image.size_bytes or not above:
            assert filled.size_bytes == image.size_bytes
        elif len(twins) == 1:
            assert filled.size_bytes == min(above) - image.address


def test_too_long_an_answer_goes_on_without_inlined_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stack_resolver, "MOST_FRAMES", 5)
    stack = StackRequest([FrameRequest(BASE + 1, adjusted=False)] * 2)
    request = Request([stack] * 2, [MemoryRange(BASE)], [Book("x86_64", 1, 1)], None)

    answer = request.resolved()

    told = [[f.place and f.place.function for f in frames] for frames in answer.stacks]
    assert told == [["in0", "main", "in0", "main"], ["main", "main"]]
