"""The child: reads one file within its limits, answers, and is gone."""

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import inspection
from symdepot.domain.jvm import mapping
from symdepot.domain.objects import ObjectFile
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import (
    Conversion,
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.sandbox import protocol, resource_limits, spill_files
from symdepot.sandbox.resource_limits import ResourceLimits

OUT_OF_MEMORY = 77
FAILED = 78

_ANSWER_FD = 3
_WORDS_FD = 2
_LONGEST_TEXT = 2000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConvertRequest:
    """A symcache to be made of one object, into a file that exists."""

    wanted: ObjectSelector
    into: Path


@dataclass(frozen=True, slots=True)
class MappingRequest:
    """A mapping to be asked what is written on a paper, and the answers to go there."""

    paper: Path


@dataclass(frozen=True, slots=True)
class MappingDone:
    """The answers are on the paper."""


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """One file to be read, within which limits, and for which errand, if not for all."""

    path: Path
    name: str
    limits: ResourceLimits
    errand: ConvertRequest | MappingRequest | None = None


type Result = list[ObjectFile] | Conversion | MappingDone
Reader = Callable[[ChildRequest], Result]


def read(request: ChildRequest) -> Result:
    """Do what is asked.

    Raises:
        NotADebugFile, OSError: see `inspect`, `convert` and `answer`.
    """
    match request.errand:
        case None:
            return inspect(request)
        case ConvertRequest() as errand:
            return convert(request, errand)
        case MappingRequest(paper):
            return answer(request, paper)


def convert(request: ChildRequest, errand: ConvertRequest) -> Conversion:
    """Make a symcache of one object of the file.

    Raises:
        OSError: the file cannot be read, or the symcache not be written.
    """
    try:
        return converter.convert(request.path, errand.wanted, errand.into)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return ConversionFailed(
            f"Its symcache is larger than {request.limits.written_bytes} bytes.",
            crashed_parser=True,
        )


def answer(request: ChildRequest, paper: Path) -> MappingDone:
    """Ask the file, a mapping, what is on the paper, and write the answers there.

    Raises:
        NotADebugFile: it cannot be read as one, or answers without end.
        OSError: it cannot be read, or the paper not be written.
    """
    try:
        asked = spill_files.query_from_json(paper.read_bytes())
        answers = mapping.run_query(request.path, asked)
        paper.write_bytes(spill_files.result_to_json(asked, answers))
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise NotADebugFile("This mapping answers without end.") from error
    return MappingDone()


def inspect(request: ChildRequest) -> list[ObjectFile]:
    """Inspect the file, and make sure that it can be read to the end.

    Raises:
        NotADebugFile: nobody could find anything by it.
        OSError: it cannot be read.
    """
    objects = inspection.inspect(request.path, name=request.name)
    inspection.trial_parse(request.path)
    return objects


def run(
    reader: Reader, request: ChildRequest, answer_fd: int, words_fd: int
) -> NoReturn:
    """Be the child, from the fork to the end of the process.

    What it answers goes to `answer_fd`, what it or a dying library cries to
    `words_fd`. Of all that its parent has open it keeps nothing else.
    """
    status = FAILED
    try:
        _keep_only(answer_fd, words_fd)
        resource_limits.apply(request.limits)
        _tell(_answer(reader, request))
        status = os.EX_OK
    except MemoryError:
        status = OUT_OF_MEMORY
    except Exception:  # noqa: BLE001 - the outermost door of this process
        _log.exception("the reader failed")
    finally:
        # Whatever happened, nothing may run on in the loop that this is a fork of.
        os._exit(status)


def _keep_only(answer_fd: int, words_fd: int) -> None:
    os.dup2(words_fd, _WORDS_FD)
    os.dup2(answer_fd, _ANSWER_FD)
    # Not `closerange`: where it cannot ask the kernel, it may try a billion numbers.
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > _ANSWER_FD:
            # The listing itself is closed by now.
            with suppress(OSError):
                os.close(fd)


def _answer(reader: Reader, request: ChildRequest) -> dict[str, object]:
    try:
        return _said(reader(request))
    except NotADebugFile as e:
        return {"refused": str(e)[:_LONGEST_TEXT]}
    except OSError as e:
        return {"lost": "it cannot be read", "words": str(e)}


def _said(found: Result) -> dict[str, object]:
    match found:
        case SymCacheWritten(symbols_only):
            return {"made": {"symbols_only": symbols_only}}
        case ConversionFailed(reason, crashed_parser):
            return {
                "not_made": reason[:_LONGEST_TEXT],
                "crashed_parser": crashed_parser,
            }
        case MappingDone():
            return {"answered": True}
        case objects:
            return {"objects": [protocol.from_object(o) for o in objects]}


def _tell(answer: dict[str, object]) -> None:
    message = protocol.encode(answer)
    while message:
        message = message[os.write(_ANSWER_FD, message) :]
