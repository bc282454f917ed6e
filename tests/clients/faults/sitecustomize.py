"""Lets a worker be killed in the very step that a test names, once.

Python loads this at its start where the folder is on its path. A test leaves a file
`die/before files.enter` in the server's working directory; the first process that
comes to call that function removes the file, and is dead.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_FUNCTIONS = {
    "symdepot.blobs.incoming": ("verify_content",),
    "symdepot.uploads.chunks": ("record_file",),
    "symdepot.uploads.assembly": ("finish",),
    "symdepot.sandbox.operations": ("inspect", "convert"),
    "symdepot.symcaches.lifecycle": ("finish",),
    "symdepot.pipeline.steps": ("assemble", "create_symcache"),
}


class _Finder(MetaPathFinder):
    """Finds the modules that can be died in, and prepares them."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in _FUNCTIONS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            prepare = functools.partial(_prepare, spec.loader.exec_module)
            spec.loader.exec_module = prepare  # type: ignore[method-assign] # a loader serves one module alone
        return spec


def _prepare(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    execute(module)
    for name in _FUNCTIONS[module.__name__]:
        *owner, last = name.split(".")
        place = f"{module.__name__.rpartition('.')[2]}.{name}"
        holder = functools.reduce(getattr, owner, module)
        setattr(holder, last, _mortal(getattr(holder, last), place))


def _mortal(function: Callable[..., Any], place: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        _die_if_told(f"before {place}")
        result = function(*arguments, **named)
        _die_if_told(f"after {place}")
        return result

    return called


def _die_if_told(moment: str) -> None:
    try:
        # Of several that come at once, one finds it.
        Path("die", moment).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Finder())
