"""Numbers of bytes, as people write and read them."""

import re

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000
_WRITTEN = re.compile(
    r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgtp]?)(i?)(?:b|bytes)?"
).fullmatch
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def format_size(size_bytes: int) -> str:
    """Return a size in the largest unit that leaves it at least one.

    >>> format_size(1), format_size(999), format_size(500_000_000_000), format_size(1_234_567)
    ('1 byte', '999 bytes', '500 GB', '1.23 MB')
    """
    if size_bytes == 1:
        return "1 byte"
    size, unit = float(size_bytes), 0
    while round(size, 2) >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{round(size, 2):g} {_UNITS[unit]}"


def parse_size(text: str) -> int:
    """Return how many bytes `text` says; units count by 1000, or 1024 with an `i`.

    Raises:
        ValueError: it is no size.

    >>> parse_size("500GB"), parse_size("1.5 KiB"), parse_size("7")
    (500000000000, 1536, 7)
    """
    match = _WRITTEN(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no size; write it as 500GB or 1.5TiB")
    number, unit, binary = match.groups()
    step = 1024 if binary else _STEP
    factor: int = step ** _POWERS[unit]
    return round(float(number) * factor)
