"""Return addresses become call addresses as in symbolic."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from symbolic.common import arch_get_ip_reg_name
from symbolic.symcache import find_best_instruction

from symdepot.domain.stacks import return_addresses
from symdepot.domain.stacks.return_addresses import Adjustment

ARCHITECTURES = (
    "x86",
    "x86_64",
    "x86_64h",
    "arm",
    "armv6",
    "armv7",
    "armv7s",
    "arm64",
    "arm64e",
    "arm64_32",
    "ppc",
    "mips",
    "mips64",
    "unknown",
)


@example(0x1000, "arm64", 4, 8)
@example(0x1000, "x86_64", 7, 8)
@example(0x1000, "x86_64", 10, 8)
@example(0x1000, "x86", 11, 8)
@given(
    st.integers(0x1000, 2**48),
    st.sampled_from(ARCHITECTURES),
    st.sampled_from([None, 4, 5, 6, 7, 10, 11]),
    st.sampled_from(["not first", None, 0, 4096]),
)
def test_guesses_like_symbolic(
    address: int, arch: str, signal: int | None, away: str | int | None
) -> None:
    name = arch_get_ip_reg_name(arch)
    pointer = address + away if name and isinstance(away, int) else None
    registers = {name: pointer} if name and pointer is not None else {}

    how = return_addresses.guess_adjustment(
        address, arch, signal, None if away == "not first" else registers
    )

    found = return_addresses.call_address(address, arch, how)
    assert found == find_best_instruction(  # type: ignore[no-untyped-call]  # symbolic's
        address,
        arch,
        crashing_frame=away != "not first",
        signal=signal,
        ip_reg=pointer,
    )


@pytest.mark.parametrize(
    ("arch", "call"),
    [
        ("x86_64", 0x1006),
        ("arm", 0x1004),
        ("arm64", 0x1000),
        ("mips", 0xFFC),
        # Symbolic assumes instructions of eight bytes.
        ("ppc64", 0x1000),
        # Symbolic does not adjust for this one.
        ("riscv64", 0x1006),
    ],
)
def test_a_call_is_one_instruction_before_its_return_address(
    arch: str, call: int
) -> None:
    assert return_addresses.call_address(0x1007, arch, Adjustment.YES) == call


def test_other_addresses_are_only_aligned() -> None:
    assert return_addresses.call_address(0x1007, "arm64", Adjustment.NO) == 0x1004


def test_if_one_frame_states_it_the_others_are_return_addresses() -> None:
    default = return_addresses.default_adjustment([None, False, None])

    found = [
        return_addresses.adjustment(stated, default) for stated in (None, False, True)
    ]

    assert found == [Adjustment.YES, Adjustment.NO, Adjustment.YES]
    assert return_addresses.default_adjustment([None, None]) is Adjustment.GUESS
