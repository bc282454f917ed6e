"""Return addresses: from the address that a frame reports to the address of its call.

All frames but the innermost report a return address, which may already be in the next
line, in the next function, or in none.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from functools import lru_cache


class Adjustment(Enum):
    """Whether an address is a return address."""

    YES = auto()
    NO = auto()
    GUESS = auto()


def call_address(address: int, arch: str, how: Adjustment) -> int:
    """Return the address to look up; for return addresses it is inside the call.

    `address` is absolute, `arch` is in symbolic's terms. The result may be negative.

    Source: spec/serving 4.5; symbolic-common's `InstructionInfo`, with which the tests
    compare. Unlike there, instructions of 64-bit PowerPC have four bytes.

    >>> [call_address(0x1006, a, Adjustment.YES) for a in ("x86_64", "arm64")]
    [4101, 4096]
    """
    alignment, step_bytes, _ = _architecture(arch)
    aligned = address - address % alignment
    return aligned - step_bytes if how is Adjustment.YES else aligned


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
    _, _, name = _architecture(arch)
    pointer = registers.get(name, address) if name else address
    crashed_above = signal in _CRASH_SIGNALS and pointer != address
    return Adjustment.YES if crashed_above else Adjustment.NO


def default_adjustment(stated: Iterable[bool | None]) -> Adjustment:
    """Return the adjustment of frames without a stated one.

    If it is stated for any frame of the stack, the others are return addresses.

    Source: symbolicator-native, `AdjustInstructionAddr`.
    """
    is_stated = any(one is not None for one in stated)
    return Adjustment.YES if is_stated else Adjustment.GUESS


def adjustment(stated: bool | None, default: Adjustment) -> Adjustment:  # noqa: FBT001 -- it is data of three values, not a flag
    """Return the adjustment of one frame."""
    if stated is None:
        return default
    return Adjustment.YES if stated else Adjustment.NO


# SIGILL, SIGBUS and SIGSEGV, by their numbers on macOS.
_CRASH_SIGNALS = frozenset({4, 10, 11})

# By prefix: alignment and size of instructions in bytes, and the instruction pointer's
# name. The first match decides: `arm64_32` is not 32-bit ARM.
_ARCHITECTURES = {
    "arm64": (4, 4, "pc"),
    "arm": (2, 2, "pc"),
    "x86_64": (1, 1, "rip"),
    "x86": (1, 1, "eip"),
    "mips": (4, 8, "pc"),
    "ppc": (4, 4, "srr0"),
    "": (1, 1, None),
}


@lru_cache(64)
def _architecture(arch: str) -> tuple[int, int, str | None]:
    return next(a for prefix, a in _ARCHITECTURES.items() if arch.startswith(prefix))
