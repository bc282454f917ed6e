"""Normalizes file names, so that all files of one program have the same.

The names of a program, its debug companion, PDB and Breakpad file differ in folder and
extension, and crash texts name the program by its path.
"""

import re

MAX_LENGTH = 100
"""In characters. Longer names are cut; lookups compare the whole name, too."""

_MAX_INPUT_LENGTH = 4096
_FOLDERS = re.compile(r".*[/\\!]", re.DOTALL)
_DEBUG_EXTENSIONS = (".debug", ".dbg", ".dwarf", ".dsym", ".sym", ".pdb", ".src.zip")
_PROGRAM_EXTENSIONS = (".exe", ".dll", ".sys", ".ko")
_EXTENSIONS = (*_DEBUG_EXTENSIONS, *_PROGRAM_EXTENSIONS, ".gz", ".xz", ".zst")


def normalize(name: str) -> str:
    r"""Return a name in lowercase, without folders and extensions of debug files.

    >>> [normalize(name) for name in ("/usr/lib/libFoo.so.debug", r"C:\a\App.pdb", "App.exe")]
    ['libfoo.so', 'app', 'app']
    >>> normalize("/data/app/base.apk!libgame.so"), normalize("nf_tables.ko.xz"), normalize(".pdb")
    ('libgame.so', 'nf_tables', '.pdb')
    """
    rest = base_name(name).lower()
    while (shorter := _without_extension(rest)) != rest:
        rest = shorter
    return rest.replace("\0", "")[:MAX_LENGTH]


def base_name(name: str) -> str:
    """Return the last part of a path of Windows, Unix, or into an Android package."""
    return _FOLDERS.sub("", name.rstrip("/\\")[-_MAX_INPUT_LENGTH:])


def _without_extension(name: str) -> str:
    for extension in _EXTENSIONS:
        shorter = name.removesuffix(extension)
        if shorter and shorter != name:
            return shorter
    return name
