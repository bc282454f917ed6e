"""`symdepot symbolicate`."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import PLACE_WORDS, DataDir

if TYPE_CHECKING:
    from symdepot.domain.selection.module_ids import ModuleIds
    from symdepot.projects.models import Project
    from symdepot.symbolication.request import ModuleResult, SymbolicationResult

EXAMPLES = (
    "What is at two addresses of a program: "
    "symdepot symbolicate --project acme/rocket --module ./rocket 0x1139 0x1150. "
    "A backtrace with names and lines: "
    "symdepot symbolicate --project acme/rocket < backtrace.txt"
)
_ASKER = "symdepot symbolicate"
_WAIT_SECONDS = 60.0
_BUILD_ID_DIGITS = 40


def symbolicate(  # noqa: PLR0913 -- each is an option
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            help="Relative to the module, in hex; without any, lines of them are read "
            "from standard input.",
            metavar="ADDR…",
        ),
    ] = None,
    *,
    where: Annotated[
        str, typer.Option("--project", help=PLACE_WORDS, metavar="ORG/PROJECT")
    ],
    debug_id: Annotated[
        str | None,
        typer.Option(help="The module, by its debug id or its build id.", metavar="ID"),
    ] = None,
    module: Annotated[
        Path | None,
        typer.Option(help="The module, as a file on this machine; it may be stripped."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, one object an address.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Look addresses of a module up: functions, files and lines, inlined ones first.

    Without a module, a text is read from standard input, and comes back with whatever
    addresses stand in it resolved: a backtrace, a crash report, an obfuscated trace.
    """
    if debug_id is not None and module is not None:
        raise typer.BadParameter("one module only: --debug-id ID or --module FILE")
    if addresses and debug_id is None and module is None:
        raise typer.BadParameter("say which module: --debug-id ID or --module FILE")
    project = arguments.setup_project(where, data_dir)
    if debug_id is None and module is None:
        _resolve(project, sys.stdin.read(), as_json=as_json)
        return
    ids = _ids(debug_id) if module is None else _ids_of(Path(module))
    name = module.name if module else ""
    typed = list(_numbers(addresses or sys.stdin.read().split()))
    if not typed:
        raise typer.BadParameter("no addresses, neither here nor on standard input")
    answer = _asked(project, ids, name, typed)
    _complain_of(answer.modules[0])
    for line in _told(answer, typed, as_json=as_json):
        typer.echo(line)
    if answer.modules[0].symbols is None:
        raise typer.Exit(1)


def _resolve(project: "Project", text: str, *, as_json: bool) -> None:
    """Print a text with what can be resolved in it; what cannot be, and why, apart."""
    from symdepot.symbolication import pasted_text

    found = pasted_text.resolve_text(
        project, text, by=_ASKER, wait_seconds=_WAIT_SECONDS
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found)))
        return
    typer.echo(found.text, nl=False)
    for note in found.notes:
        typer.echo(note, err=True)
    for one in found.unresolved:
        typer.echo(f"Line {one.line}: {one.text}: {one.reason}", err=True)


def _numbers(words: Sequence[str]) -> Iterator[int]:
    for word in words:
        try:
            address = int(word, 16)
        except ValueError:
            raise typer.BadParameter(f"{word!r} is no address in hex") from None
        if not 0 <= address < 1 << 64:
            raise typer.BadParameter(f"{word!r} is beyond all addresses")
        yield address


def _ids(text: str | None) -> "ModuleIds":
    """Read a debug id or, by its 40 digits and where it is none, a build id."""
    from symdepot.domain.ids import CodeId, DebugId
    from symdepot.domain.selection.module_ids import ModuleIds

    typed = text or ""
    debug_id = DebugId.parse_or_none(typed)
    if debug_id is not None and len(typed) != _BUILD_ID_DIGITS:
        return ModuleIds.known(debug_id, None, is_windows=True)
    try:
        return ModuleIds.known(None, CodeId.parse(typed), is_elf=True)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no debug id") from None


def _ids_of(file: Path) -> "ModuleIds":
    from symdepot.domain import objects
    from symdepot.domain.selection.module_ids import ModuleIds
    from symdepot.sandbox import operations

    if not file.is_file():
        raise typer.BadParameter(f"there is no file {str(file)!r}")
    found = objects.require_findable(
        objects.single_object(operations.inspect(file, name=file.name))
    )
    return ModuleIds.known(found.debug_id, found.code_id, is_windows=True)


def _asked(
    project: "Project", ids: "ModuleIds", name: str, addresses: Sequence[int]
) -> "SymbolicationResult":
    from symdepot.domain.stacks.memory_map import MemoryRange
    from symdepot.domain.stacks.stack_resolver import FrameRequest, StackRequest
    from symdepot.symbolication.request import (
        LookupScope,
        ModuleRequest,
        SymbolicationRequest,
    )
    from symdepot.symbolication.symbolicate import symbolicate

    frames = [FrameRequest(address, module=0, adjusted=False) for address in addresses]
    question = SymbolicationRequest(
        [StackRequest(frames)],
        [ModuleRequest(MemoryRange(0), ids, name)],
        with_misses=True,
    )
    scope = LookupScope.of(project, _ASKER)
    return symbolicate(scope, question, wait_seconds=_WAIT_SECONDS)


def _complain_of(found: "ModuleResult") -> None:
    """Say on standard error why there are no symbols."""
    if found.symbols is not None or found.status == "unused":
        return
    typer.echo(f"No symbols: the module is {found.status}.", err=True)
    for one in found.candidates:
        if one.details:
            typer.echo(f"  {one.debug_file}: {one.details}", err=True)
    for miss in found.misses:
        typer.echo(f"  {miss}", err=True)


def _told(
    answer: "SymbolicationResult", addresses: Sequence[int], *, as_json: bool
) -> Iterator[str]:
    from symdepot.domain.symcache.demangler import demangle

    told: dict[int, list[dict[str, object]]] = {}
    for frame in answer.stacks[0] if answer.stacks else ():
        if frame.symbol is not None:
            at = frame.symbol
            line = {"function": demangle(at.function), "symbol": at.function}
            told.setdefault(frame.original_index, []).append(
                {**line, "file": at.path, "line": at.line}
            )
    for index, address in enumerate(addresses):
        frames = told.get(index, [])
        if as_json:
            yield json.dumps({"address": hex(address), "frames": frames})
        else:
            yield from _lines(address, frames)


def _lines(address: int, frames: Sequence[dict[str, object]]) -> Iterator[str]:
    start = hex(address)
    if not frames:
        yield f"{start} ??"
    for frame in frames:
        file, line = frame["file"] or "??", frame["line"] or "?"
        yield f"{start} {frame['function']} at {file}:{line}"
        start = " " * len(start) + " inlined into"
