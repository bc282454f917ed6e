"""Names of files without what sets those of one program apart.

A program, its debug companion, its PDB and its Breakpad file are called alike but for
the folder and the ending, and texts about crashes name the program by its path.
"""

import re

LENGTH_LIMIT = 100
"""In characters. Longer names are cut: who looks for one looks at the whole, too."""

_LOOKED_AT = 4096
_FOLDERS = re.compile(r".*[/\\!]", re.DOTALL)
_ENDINGS = (
    ".debug",
    ".dbg",
    ".dwarf",
    ".dsym",
    ".sym",
    ".pdb",
    ".exe",
    ".dll",
    ".sys",
    ".ko",
    ".src.zip",
    ".gz",
    ".xz",
    ".zst",
)


def normalize(name: str) -> str:
    r"""Return a name in lowercase, without folders and the endings of debug files.

    >>> [normalize(name) for name in ("/usr/lib/libFoo.so.debug", r"C:\a\App.pdb", "App.exe")]
    ['libfoo.so', 'app', 'app']
    >>> normalize("/data/app/base.apk!libgame.so"), normalize("nf_tables.ko.xz"), normalize(".pdb")
    ('libgame.so', 'nf_tables', '.pdb')
    """
    rest = base_name(name).lower()
    while (shorter := _without_ending(rest)) != rest:
        rest = shorter
    return rest.replace("\0", "")[:LENGTH_LIMIT]


def base_name(name: str) -> str:
    """Return the last part of a path, of Windows, of Unix or into a package of Android."""
    return _FOLDERS.sub("", name.rstrip("/\\")[-_LOOKED_AT:])


def _without_ending(name: str) -> str:
    for ending in _ENDINGS:
        shorter = name.removesuffix(ending)
        if shorter and shorter != name:
            return shorter
    return name
