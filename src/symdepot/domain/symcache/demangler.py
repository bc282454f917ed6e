"""Names of functions as people wrote them, from those that compilers made of them.

Names come from strangers, and demanglers trust theirs: one that refers to itself often
enough unpacks 300 characters to gigabytes, one that is nested deeply enough overflows
the stack. So the length is limited, and nothing is demangled whose references might
make it grow without measure; such names are shown as they are.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import pydemumble  # type: ignore[import-untyped]  # it has no stubs

from symdepot.domain.symcache import demangle_limits

MAX_LENGTH = 2048
"""Half of what it takes to overflow a stack of 512 KiB, in characters."""
MAX_LOCAL_NAMES = 64
"""How often a name may go into a function, in a function, and so on.

Nothing else takes so much of the stack: 1.5 KiB for each letter.
"""
MAX_GROWTH = 4_000_000
"""What the parts of a name may come to, once all references are followed.

One of 50,000 real names of C++ comes to more, one of 50 in programs full of
variadic templates.
"""

_CACHED_NAMES = 16_384

_OBJECTIVE_C = re.compile(r"_?[-+]\[[\w$]+(?:\([\w$]*\))? [\w$:]+\]").fullmatch
_RUST_HASH = re.compile(r"17h[0-9a-f]{16}E(?=$|\.)").search
_SHOWN_HASH = re.compile(r"::h[0-9a-f]{16}(?=$| \()")
_ESCAPES = (
    ("$LT$", "<"),
    ("$GT$", ">"),
    ("$LP$", "("),
    ("$RP$", ")"),
    ("$RF$", "&"),
    ("$BP$", "*"),
    ("$C$", ","),
    ("$SP$", "@"),
    ("$u20$", " "),
    ("$u7b$", "{"),
    ("$u7d$", "}"),
    ("$u5b$", "["),
    ("$u5d$", "]"),
    ("$u27$", "'"),
    ("$u3b$", ";"),
    ("$u2b$", "+"),
    ("$u22$", '"'),
    ("..", "::"),
)

type _Scheme = tuple[str, Callable[[str], int]]

# By what a name begins with. Mach-O puts a further underscore before all names.
_SCHEMES: tuple[tuple[tuple[str, ...], _Scheme], ...] = (
    (("_Z", "__Z", "___Z", "____Z"), ("cpp", demangle_limits.itanium_bound)),
    (("_R", "__R"), ("rust", demangle_limits.rust_bound)),
    (("?",), ("cpp", demangle_limits.microsoft_bound)),
    (("$s", "_$s", "$S", "_$S", "_T", "__T"), ("swift", demangle_limits.swift_bound)),
)


@lru_cache(_CACHED_NAMES)
def demangle(name: str) -> str:
    """Return a name of C++, Rust or Swift as it was written, and any other as it is.

    Objective-C does not mangle. The hash that ends old names of Rust is left out.
    Never raises, and takes some milliseconds at most.

    >>> demangle("_ZN3foo3barEv"), demangle("main"), demangle("-[Cat purr:]")
    ('foo::bar()', 'main', '-[Cat purr:]')
    """
    scheme = _scheme(name)
    if scheme is None or len(name) > MAX_LENGTH or not name.isascii():
        return name
    if name.count("Z") > MAX_LOCAL_NAMES or scheme[1](name) > MAX_GROWTH:
        return name
    found = pydemumble.demangle(name)
    if found and _is_old_rust(name):
        found = _as_rust_writes_it(found)
    return found or name


def guess_language(name: str) -> str | None:
    """Guess from a name which language it is of, in symbolic's words.

    >>> [guess_language(n) for n in ("_RNvC1a1b", "$s4main3fooyyF", "-[Cat purr:]", "main")]
    ['rust', 'swift', 'objc', None]
    """
    if _OBJECTIVE_C(name[:MAX_LENGTH]):
        return "objc"
    scheme = _scheme(name)
    if scheme is not None and _is_old_rust(name):
        return "rust"
    return None if scheme is None else scheme[0]


def _scheme(name: str) -> _Scheme | None:
    for beginnings, scheme in _SCHEMES:
        if name.startswith(beginnings):
            return scheme
    return None


def _is_old_rust(name: str) -> bool:
    return name.startswith(("_ZN", "__ZN")) and _RUST_HASH(name) is not None


def _as_rust_writes_it(found: str) -> str:
    """Return a name without its hash, and with the signs that C++ has no room for.

    Source: rustc's book, "Symbol mangling", legacy scheme.
    """
    found = _SHOWN_HASH.sub("", found)
    for escape, sign in _ESCAPES:
        found = found.replace(escape, sign)
    return found.replace("::_<", "::<").removeprefix("_") if "<" in found else found
