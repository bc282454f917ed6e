"""From the address that a frame reports to the address of the call in it.

All frames but the innermost report where the call returns to, which may already be
the next line, the next function, or nothing at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache


class Adjustment(Enum):
    """Whether an address is a return address."""

    YES = auto()
    NO = auto()
    GUESS = auto()


@dataclass(frozen=True, slots=True)
class _Architecture:
    """How addresses of instructions are made, and who points to the current one."""

    alignment: int
    step_bytes: int
    instruction_pointer: str | None


def call_address(address: int, arch: str, how: Adjustment) -> int:
    """Return the address whose line is the line of the call; it may be negative.

    `address` is absolute, `arch` is the architecture in symbolic's words.

    Source: spec/serving 4.5; symbolic-common's `InstructionInfo`, with which the tests
    compare. Unlike there, instructions of 64-bit PowerPC have four bytes.

    >>> [call_address(0x1006, arch, Adjustment.YES) for arch in ("x86_64", "arm64")]
    [4101, 4096]
    """
    architecture = _architecture(arch)
    aligned = address - address % architecture.alignment
    return aligned - architecture.step_bytes if how is Adjustment.YES else aligned


def is_return_address(
    address: int, arch: str, signal: int | None, registers: Mapping[str, int] | None
) -> Adjustment:
    """Return whether an address is that of a return.

    `registers` are those of the innermost frame, and None for any other, which is
    where a call returns to. The innermost frame is taken at its word, unless the
    process got one of the signals of a crash and its instruction pointer says
    otherwise: then a handler of signals lay on top, and was cut off.

    Source: as of `call_address`.
    """
    if registers is None:
        return Adjustment.YES
    name = _architecture(arch).instruction_pointer
    pointer = registers.get(name) if name else None
    crashed = signal in _SIGNALS_OF_A_CRASH
    if crashed and pointer is not None and pointer != address:
        return Adjustment.YES
    return Adjustment.NO


def default_adjustment(said: Iterable[bool | None]) -> Adjustment:
    """Return how frames are adjusted of which nothing is said, from what is said.

    A client that says it of one frame knows what it does, and means the others to be
    return addresses.

    Source: symbolicator-native, `AdjustInstructionAddr`.
    """
    if any(one is not None for one in said):
        return Adjustment.YES
    return Adjustment.GUESS


def adjustment(said: bool | None, default: Adjustment) -> Adjustment:  # noqa: FBT001 -- it is data of three values, not a flag
    """Return how one frame is adjusted."""
    match said:
        case None:
            return default
        case True:
            return Adjustment.YES
        case False:
            return Adjustment.NO


# The numbers that macOS gives to SIGILL, SIGBUS and SIGSEGV.
_SIGNALS_OF_A_CRASH = frozenset({4, 10, 11})

_X86 = _Architecture(1, 1, "eip")
_AMD64 = _Architecture(1, 1, "rip")
_ARM = _Architecture(2, 2, "pc")
_ARM64 = _Architecture(4, 4, "pc")
_MIPS = _Architecture(4, 8, "pc")
_POWERPC = _Architecture(4, 4, "srr0")
_OTHER = _Architecture(1, 1, None)


# The longest prefix decides: `arm64_32` is no 32-bit ARM.
_BY_PREFIX = (
    ("arm64", _ARM64),
    ("arm", _ARM),
    ("x86_64", _AMD64),
    ("x86", _X86),
    ("mips", _MIPS),
    ("ppc", _POWERPC),
)


@lru_cache(64)
def _architecture(arch: str) -> _Architecture:
    for prefix, architecture in _BY_PREFIX:
        if arch.startswith(prefix):
            return architecture
    return _OTHER
