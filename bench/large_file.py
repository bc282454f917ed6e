"""Builds a large debug file: more than 150 MB of ELF with DWARF."""

import subprocess
from pathlib import Path

_FUNCTIONS = 1500
_COPIES = 88
_SECONDS = 300


def library(folder: Path) -> Path:
    """Return a library of 132,000 functions, each with another inlined, made in `folder`.

    One source is compiled once; copies of what comes of it are linked together. All
    names are local, so the linker takes them side by side, and the DWARF of each stays.
    """
    source, unit, made = (folder / name for name in ("large.c", "large.o", "large.so"))
    source.write_text("\n".join(map(_function, range(_FUNCTIONS))))
    _run("gcc", "-g", "-O1", "-fPIC", "-c", source, "-o", unit)
    copies = [folder / f"large-{number}.o" for number in range(_COPIES)]
    for copy in copies:
        copy.hardlink_to(unit)
    _run("gcc", "-shared", "-nostdlib", "-Wl,--build-id", *copies, "-o", made)
    for copy in copies:
        copy.unlink()
    return made


def _function(number: int) -> str:
    n = number
    return f"""
struct s{n} {{ int a; char name[{n % 13 + 1}]; long seen; struct s{n} *next; }};
static inline long g{n}(struct s{n} *p, int q)
{{
    long r = p->a * q;
    for (int j = 0; j < q; j++)
        r += p->seen ^ j;
    return r;
}}
__attribute__((used)) static long f{n}(struct s{n} *p, int x, const char *y)
{{
    long t = x;
    if (p->next) {{
        long u = g{n}(p->next, x);
        t += u;
    }}
    if (y[0] > 3)
        t += p->a * {n} + p->seen;
    return t + g{n}(p, x + {n});
}}"""


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, timeout=_SECONDS)  # noqa: S603 -- our own words
