"""Text that people read: sizes, times, and names that strangers chose."""

import re
from datetime import UTC, datetime

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000
_SIZE = re.compile(
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
    """Return a size in bytes; units count by 1000, or by 1024 with an `i`.

    Raises:
        ValueError: `text` is not a size.

    >>> parse_size("500GB"), parse_size("1.5 KiB"), parse_size("7")
    (500000000000, 1536, 7)
    """
    match = _SIZE(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no size; write it as 500GB or 1.5TiB")
    number, unit, binary = match.groups()
    step = 1024 if binary else _STEP
    factor: int = step ** _POWERS[unit]
    return round(float(number) * factor)


def as_utc(time: datetime) -> datetime:
    """Return `time` in UTC; without a time zone it is UTC already.

    Raises:
        ValueError: in UTC its year is not between 1 and 9999.

    >>> as_utc(datetime.fromisoformat("2026-01-01T01:00+01:00"))
    datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time in UTC") from None


def format_time(time: datetime) -> str:
    """Return a time as every JSON answer writes it: ISO 8601, UTC, microseconds.

    >>> format_time(datetime(2026, 1, 2, 3, 4, 5, 6, UTC))
    '2026-01-02T03:04:05.000006Z'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def printable(text: str) -> str:
    r"""Return one line without control characters or other invisible ones.

    >>> printable("lib\x1b[2J\nfoo.so")
    'lib\ufffd[2J\ufffdfoo.so'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
