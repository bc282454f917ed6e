import time

import pytest

from symdepot.domain.crash_text import crash_parser


@pytest.mark.parametrize(
    "start",
    [
        "0x0 0x1 0x1 0x0 /a",
        "0x0 0x1 0x1 0x0 r-xp /a",
        "000000-000001 r-xp 0 0:0 0 /a",
        "[ 0] 0123456789ABCDEF 0x0 a",
    ],
)
def test_no_run_of_blanks_in_a_list_of_images_takes_long(start: str) -> None:
    line = f"{start}{' ' * 4000}b"
    began = time.process_time()

    crash_parser.find_addresses("\n".join([line] * 10))

    # Measured: 5 ms, where each blank is gone through once for each before it, 3 s.
    assert time.process_time() - began < 0.5


def test_empty_lines_take_no_time() -> None:
    text = "\n" * 200_000
    began = time.process_time()

    spots = crash_parser.find_addresses(text)

    # Measured: 40 ms, where every line is read, over a second.
    assert spots == []
    assert time.process_time() - began < 0.5
