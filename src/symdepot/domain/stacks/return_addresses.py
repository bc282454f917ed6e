"""Return addresses: from the address that a frame reports to the address of its call.

All frames but the innermost report a return address, which may already be in the next
line, in the next function, or in none.
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
    """Instruction alignment and size in bytes; the instruction pointer's name."""

    alignment: int
    step_bytes: int
    instruction_pointer: str | None


def call_address(address: int, arch: str, how: Adjustment) -> int:
    """Return the address to look up; for return addresses it is inside the call.

    `address` is absolute, `arch` is in symbolic's terms. The result may be negative.

    Source: spec/serving 4.5; symbolic-common's `InstructionInfo`, with which the tests
    compare. Unlike there, instructions of 64-bit PowerPC have four bytes.

    >>> [call_address(0x1006, a, Adjustment.YES) for a in ("x86_64", "arm64")]
    [4101, 4096]
    """
    architecture = _architecture(arch)
    aligned = address - address % architecture.alignment
    return aligned - architecture.step_bytes if how is Adjustment.YES else aligned


def guess_adjustment(
    address: int, arch: str, signal: int | None, registers: Mapping[str, int] | None
) -> Adjustment:
    """Return YES or NO: whether an address is a return address.

    `registers` are those of the innermost frame; None for other frames, which always
    report return addresses. The innermost frame reports one only if the process
    crashed with a signal and its instruction pointer differs: then the frames of the
    signal handler above it were removed.

    Source: as of `call_address`.
    """
    if registers is None:
        return Adjustment.YES
    name = _architecture(arch).instruction_pointer
    pointer = registers.get(name) if name else None
    crashed = signal in _CRASH_SIGNALS
    if crashed and pointer is not None and pointer != address:
        return Adjustment.YES
    return Adjustment.NO


def default_adjustment(stated: Iterable[bool | None]) -> Adjustment:
    """Return the adjustment of frames without a stated one.

    If it is stated for any frame of the stack, the others are return addresses.

    Source: symbolicator-native, `AdjustInstructionAddr`.
    """
    if any(one is not None for one in stated):
        return Adjustment.YES
    return Adjustment.GUESS


def adjustment(stated: bool | None, default: Adjustment) -> Adjustment:  # noqa: FBT001 -- it is data of three values, not a flag
    """Return the adjustment of one frame."""
    if stated is None:
        return default
    return Adjustment.YES if stated else Adjustment.NO


# SIGILL, SIGBUS and SIGSEGV, by their numbers on macOS.
_CRASH_SIGNALS = frozenset({4, 10, 11})

_X86 = _Architecture(1, 1, "eip")
_AMD64 = _Architecture(1, 1, "rip")
_ARM = _Architecture(2, 2, "pc")
_ARM64 = _Architecture(4, 4, "pc")
_MIPS = _Architecture(4, 8, "pc")
_POWERPC = _Architecture(4, 4, "srr0")
_OTHER = _Architecture(1, 1, None)

# The first match decides: `arm64_32` is not 32-bit ARM.
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
