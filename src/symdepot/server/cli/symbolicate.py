"""`symdepot symbolicate`."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdepot.server.cli import arguments
from symdepot.server.cli.arguments import DataDir

if TYPE_CHECKING:
    from symdepot.domain.selection.id_matching import ModuleIds
    from symdepot.projects.models import Project
    from symdepot.symbolication.request import ModuleResult, SymbolicationResult

EXAMPLES = """
Two addresses: symdepot symbolicate --project acme/rocket --module ./rocket 0x1139 0x1150

A backtrace: symdepot symbolicate --project acme/rocket < backtrace.txt
"""
type Frames = dict[int, list[dict[str, object]]]
"""Frames by the index of their address, as in the JSON output, innermost first."""

_CALLER = "symdepot symbolicate"
_WAIT_SECONDS = 60.0
_BUILD_ID_DIGITS = 40
_PE_ID_DIGITS = 16


def symbolicate(  # noqa: PLR0913 -- each is an option
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            help="Addresses relative to the module, in hex; read from standard input "
            "by default. Of a program without PIE, also those that nm prints.",
            metavar="ADDR…",
        ),
    ] = None,
    *,
    project: Annotated[
        str,
        typer.Option(help=arguments.PROJECT_HELP, metavar=arguments.PROJECT_METAVAR),
    ],
    debug_id: Annotated[
        str | None,
        typer.Option(
            help="The module, by its debug id, build id or code id.", metavar="ID"
        ),
    ] = None,
    module: Annotated[
        Path | None,
        typer.Option(help="The module, as a file on this machine; may be stripped."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, one object an address.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print functions, files and lines for addresses of a module, inlined ones first.

    Without a module, reads a text from standard input and prints it with its addresses
    resolved: a backtrace, a crash report, an obfuscated stack trace.
    """
    if debug_id is not None and module is not None:
        raise typer.BadParameter("one module only: --debug-id ID or --module FILE")
    if addresses and debug_id is None and module is None:
        raise typer.BadParameter("choose a module: --debug-id ID or --module FILE")
    found = arguments.setup_project(project, data_dir)
    if debug_id is None and module is None:
        _print_resolved_text(found, sys.stdin.read(), as_json=as_json)
        return
    ids = _parse_ids(debug_id) if module is None else _file_ids(Path(module))
    name = module.name if module else ""
    numbers = list(_parse_addresses(addresses or sys.stdin.read().split()))
    if not numbers:
        raise typer.BadParameter("no addresses, neither here nor on standard input")
    look_up = partial(_symbolicate, found, ids, name)
    result = look_up(numbers)
    _print_missing_symbols(result.modules[0])
    frames = _frames_by_index(result)
    if base := _load_address(result.modules[0]):
        frames |= _frames_from_load_address(look_up, numbers, frames, base)
    for line in _result_lines(frames, numbers, as_json=as_json):
        typer.echo(line)
    if result.modules[0].symbols is None:
        raise typer.Exit(1)


def _print_resolved_text(project: "Project", text: str, *, as_json: bool) -> None:
    """Print a resolved text, and on standard error what could not be resolved."""
    from symdepot.symbolication import pasted_text

    resolved = pasted_text.resolve_text(
        project, text, by=_CALLER, wait_seconds=_WAIT_SECONDS
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(resolved)))
        return
    typer.echo(resolved.text, nl=False)
    for note in resolved.notes:
        typer.echo(note, err=True)
    for failure in resolved.unresolved:
        typer.echo(f"Line {failure.line}: {failure.text}: {failure.reason}", err=True)


def _parse_addresses(words: Sequence[str]) -> Iterator[int]:
    for word in words:
        try:
            address = int(word, 16)
        except ValueError:
            raise typer.BadParameter(f"{word!r} is no address in hex") from None
        if not 0 <= address < 1 << 64:
            raise typer.BadParameter(f"{word!r} is beyond all addresses")
        yield address


def _parse_ids(text: str | None) -> "ModuleIds":
    """Parse a debug id, or a code id: 40 digits, or what is not a debug id.

    That of a Windows program has at most 16 digits.
    """
    from symdepot.domain.ids import CodeId, DebugId
    from symdepot.domain.selection.id_matching import ModuleIds

    typed = text or ""
    debug_id = DebugId.parse_or_none(typed)
    if debug_id is not None and len(typed) != _BUILD_ID_DIGITS:
        return ModuleIds.known(debug_id, None, is_windows=True)
    try:
        return ModuleIds.known(
            None, CodeId.parse(typed), is_elf=len(typed) > _PE_ID_DIGITS
        )
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no debug id") from None


def _file_ids(file: Path) -> "ModuleIds":
    from symdepot.domain import objects
    from symdepot.domain.selection.id_matching import ModuleIds
    from symdepot.sandbox import operations

    if not file.is_file():
        raise typer.BadParameter(f"there is no file {str(file)!r}")
    inspected = objects.single_object(operations.inspect(file, name=file.name))
    found = objects.require_findable(inspected)
    return ModuleIds.known(found.debug_id, found.code_id, is_windows=True)


def _symbolicate(
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
    request = SymbolicationRequest(
        [StackRequest(frames)],
        [ModuleRequest(MemoryRange(0), ids, name)],
        with_near_misses=True,
    )
    scope = LookupScope.of(project, _CALLER)
    return symbolicate(scope, request, wait_seconds=_WAIT_SECONDS)


def _print_missing_symbols(module: "ModuleResult") -> None:
    """Print on standard error why a module has no symbols, if it has none."""
    if module.symbols is not None or module.status == "unused":
        return
    typer.echo(f"No symbols: the module is {module.status}.", err=True)
    for candidate in module.candidates:
        if candidate.details:
            typer.echo(f"  {candidate.debug_file}: {candidate.details}", err=True)
    for miss in module.near_misses:
        typer.echo(f"  {miss}", err=True)


def _load_address(module: "ModuleResult") -> int:
    from symdepot.symbolication import text_modules

    row = module.symbols
    return 0 if row is None else text_modules.load_address(row)


def _frames_from_load_address(
    look_up: Callable[[Sequence[int]], "SymbolicationResult"],
    addresses: Sequence[int],
    frames: Frames,
    base: int,
) -> Frames:
    """Look up addresses without frames again, as those that nm prints.

    Prints on standard error how addresses from `base` on were understood.
    """
    high = [index for index, address in enumerate(addresses) if address >= base]
    if relative := [hex(addresses[index]) for index in high if index in frames]:
        typer.echo(
            f"Taken as relative to the module, though it is linked at {base:#x}: "
            f"{', '.join(relative)}.",
            err=True,
        )
    outside = [index for index in high if index not in frames]
    if not outside:
        return {}
    again = [addresses[index] - base for index in outside]
    found = _frames_by_index(look_up(again))
    if found:
        absolute = ", ".join(hex(addresses[outside[position]]) for position in found)
        typer.echo(
            f"Taken as absolute, since the module is linked at {base:#x}: {absolute}.",
            err=True,
        )
    return {outside[position]: own for position, own in found.items()}


def _frames_by_index(result: "SymbolicationResult") -> Frames:
    from symdepot.domain.symcache.demangler import demangle

    frames: Frames = {}
    for frame in result.stacks[0] if result.stacks else ():
        if frame.symbol is not None:
            symbol = frame.symbol
            frames.setdefault(frame.original_index, []).append(
                {
                    "function": demangle(symbol.function),
                    "symbol": symbol.function,
                    "file": symbol.path,
                    "line": symbol.line,
                }
            )
    return frames


def _result_lines(
    frames_by_index: Frames, addresses: Sequence[int], *, as_json: bool
) -> Iterator[str]:
    for index, address in enumerate(addresses):
        frames = frames_by_index.get(index, [])
        if as_json:
            yield json.dumps({"address": hex(address), "frames": frames})
        else:
            yield from _frame_lines(address, frames)


def _frame_lines(address: int, frames: Sequence[dict[str, object]]) -> Iterator[str]:
    start = hex(address)
    if not frames:
        yield f"{start} ??"
    for frame in frames:
        file, line = frame["file"] or "??", frame["line"] or "?"
        yield f"{start} {frame['function']} at {file}:{line}"
        start = " " * len(start) + " inlined into"
