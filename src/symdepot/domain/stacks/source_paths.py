"""Paths of sources, as compilers write them down and clients ask for them."""

import re

_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\]|$)").match
_SHARE = re.compile(r"\\\\[^\\/]").match


def canonical_path(path: str) -> str:
    r"""Return one spelling for all spellings of a path.

    Backslashes are separators: they stand in no name that a compiler was told. What is
    above the root is the root.

    >>> canonical_path("/usr//src/./lib/../a.c"), canonical_path("./../a/../b.c")
    ('/usr/src/a.c', '../b.c')
    >>> canonical_path(r"c:\work\..\a.c"), canonical_path(r"\\server\share\x\..\a.c")
    ('C:/a.c', '//server/share/a.c')
    """
    root, rest = _split(path)
    kept: list[str] = []
    for part in rest.replace("\\", "/").split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            kept.append(part)
        elif kept and kept[-1] != "..":
            kept.pop()
        elif not root:
            kept.append(part)
    return root + "/".join(kept)


def ignores_case(canonical_path: str) -> bool:
    """Return whether the path is of a system that ignores case: it has a drive or share.

    >>> ignores_case("C:/a.c"), ignores_case("//server/a.c"), ignores_case("/a.c")
    (True, True, False)
    """
    return canonical_path.startswith("//") or _DRIVE(canonical_path) is not None


def case_folded(canonical_path: str) -> str:
    """Return what is the same for all paths that differ in case alone."""
    return canonical_path.casefold()


def _split(path: str) -> tuple[str, str]:
    """Return the root of a path, as it is spelled canonically, and the rest."""
    if _DRIVE(path):
        return f"{path[0].upper()}:/", path[2:]
    if _SHARE(path):
        return "//", path
    return ("/" if path[:1] in {"/", "\\"} else ""), path
