"""Demangle function names of C++, Rust and Swift.

Names are untrusted, and demanglers have no limits: 300 characters with back references
expand to gigabytes, and deep nesting overflows the stack. Names beyond the limits below
are returned mangled.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import pydemumble  # type: ignore[import-untyped]  # it has no stubs

from symdepot.domain.symcache import demangled_size

MAX_LENGTH = 2048
"""In characters; twice as many overflow a stack of 512 KiB."""
MAX_LOCAL_NAMES = 64
"""Levels of names local to functions, which take most stack: 1.5 KiB per letter Z."""
MAX_GROWTH = 4_000_000
"""Bound on the expanded size, see `demangled_size`.

One of 50,000 real C++ names exceeds it; one of 50 in programs full of variadic
templates.
"""

_CACHE_SIZE = 16_384

_OBJECTIVE_C = re.compile(r"_?[-+]\[[\w$]+(?:\([\w$]*\))? [\w$:]+\]").fullmatch
_RUST_HASH = re.compile(r"17h[0-9a-f]{16}E(?=$|\.)").search
_DEMANGLED_HASH = re.compile(r"::h[0-9a-f]{16}(?=$| \()")
_ESCAPES = (
    ("$LT$", "<"),
    ("$GT$", ">"),
    ("$LP$", "("),
    ("$RP$", ")"),
    ("$RF$", "&"),
    ("$BP$", "*"),
    ("$C$", ","),
    ("$SP$", "@"),
    *((f"$u{ord(sign):x}$", sign) for sign in " {}[]';+\""),
    ("..", "::"),
)

type _Scheme = tuple[str, Callable[[str], int]]

# By prefix. Mach-O puts another underscore before all names.
_SCHEMES: tuple[tuple[tuple[str, ...], _Scheme], ...] = (
    (("_Z", "__Z", "___Z", "____Z"), ("cpp", demangled_size.itanium_bound)),
    (("_R", "__R"), ("rust", demangled_size.rust_bound)),
    (("?",), ("cpp", demangled_size.microsoft_bound)),
    (("$s", "_$s", "$S", "_$S", "_T", "__T"), ("swift", demangled_size.swift_bound)),
)


@lru_cache(_CACHE_SIZE)
def demangle(name: str) -> str:
    """Return the demangled name, or `name` itself if it is not mangled.

    The hash at the end of legacy Rust names is removed. Never raises; takes some
    milliseconds at most.

    >>> demangle("_ZN3foo3barEv"), demangle("main"), demangle("-[Cat purr:]")
    ('foo::bar()', 'main', '-[Cat purr:]')
    """
    scheme = _scheme(name)
    if scheme is None or len(name) > MAX_LENGTH or not name.isascii():
        return name
    if name.count("Z") > MAX_LOCAL_NAMES or scheme[1](name) > MAX_GROWTH:
        return name
    found = pydemumble.demangle(name)
    if found and _is_legacy_rust(name):
        found = _unescaped_rust(found)
    return found or name


def guess_language(name: str) -> str | None:
    """Guess the language of a mangled name, in symbolic's terms.

    >>> [guess_language(n) for n in ("_RNvC1a1b", "$s4main3fooyyF", "-[Cat purr:]", "main")]
    ['rust', 'swift', 'objc', None]
    """
    if _OBJECTIVE_C(name[:MAX_LENGTH]):
        return "objc"
    if _is_legacy_rust(name):
        return "rust"
    scheme = _scheme(name)
    return None if scheme is None else scheme[0]


def _scheme(name: str) -> _Scheme | None:
    found = (scheme for prefixes, scheme in _SCHEMES if name.startswith(prefixes))
    return next(found, None)


def _is_legacy_rust(name: str) -> bool:
    return name.startswith(("_ZN", "__ZN")) and _RUST_HASH(name) is not None


def _unescaped_rust(name: str) -> str:
    """Remove the hash, and decode escapes that the C++ demangler leaves.

    Source: rustc's book, "Symbol mangling", legacy scheme.
    """
    name = _DEMANGLED_HASH.sub("", name)
    for escape, sign in _ESCAPES:
        name = name.replace(escape, sign)
    return name.replace("::_<", "::<").removeprefix("_") if "<" in name else name
