"""The forked child: performs one operation within its limits, responds and exits."""

import errno
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import code_sections, inspection
from symdepot.domain.ids import DebugId
from symdepot.domain.jvm import mapping_query
from symdepot.domain.symcache import converter
from symdepot.domain.symcache.conversion import (
    ConversionFailed,
    ObjectSelector,
    SymCacheWritten,
)
from symdepot.sandbox import mapping_query_json, protocol, resource_limits
from symdepot.sandbox.protocol import SandboxRequest

_RESPONSE_FD = 3
_STDERR_FD = 2

type Perform = Callable[[SandboxRequest], dict[str, object]]
"""Performs a request and returns the response."""


def perform(request: SandboxRequest) -> dict[str, object]:
    """Perform the operation of a request.

    Raises:
        NotADebugFile: the file is invalid.
        OSError: a file cannot be read or written.
    """
    match request.operation:
        case "inspect":
            objects = inspection.inspect(request.path, name=request.name)
            inspection.trial_parse(request.path)
            return {"objects": [protocol.object_to_json(o) for o in objects]}
        case "convert":
            return _convert(request)
        case _:
            return _query_mapping(request)


def run(
    perform: Perform, request: SandboxRequest, response_fd: int, stderr_fd: int
) -> NoReturn:
    """Run as the child, from the fork to the exit.

    All other file descriptors that the zygote has open are closed.
    """
    status = protocol.EXIT_FAILED
    try:
        _close_others(response_fd, stderr_fd)
        resource_limits.apply(request.limits)
        protocol.write_all(_RESPONSE_FD, _response(perform, request))
        status = os.EX_OK
    except MemoryError:
        status = protocol.EXIT_OUT_OF_MEMORY
    except Exception:  # noqa: BLE001 - the top level of this process
        traceback.print_exc()
    finally:
        # Never return to the loop of the zygote that this is a fork of.
        os._exit(status)


def _convert(request: SandboxRequest) -> dict[str, object]:
    selector = ObjectSelector(DebugId.parse(request.debug_id), request.arch)
    try:
        sections = code_sections.code_sections(request.path, selector.debug_id.uuid)
        result = converter.convert(request.path, selector, request.target, sections)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        limit_bytes = request.limits.written_bytes
        reason = f"Its symcache is larger than {limit_bytes} bytes."
        result = ConversionFailed(reason, crashed_parser=True)
    if isinstance(result, SymCacheWritten):
        return {"written": asdict(result)}
    reason = result.reason[: protocol.MAX_TEXT_LENGTH]
    return {"failed": reason, "crashed_parser": result.crashed_parser}


def _query_mapping(request: SandboxRequest) -> dict[str, object]:
    try:
        query = mapping_query_json.query_from_json(request.target.read_bytes())
        result = mapping_query.run_query(request.path, query)
        request.target.write_bytes(mapping_query_json.result_to_json(query, result))
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise NotADebugFile(mapping_query_json.RESULT_TOO_LARGE) from error
    return {"answered": True}


def _close_others(response_fd: int, stderr_fd: int) -> None:
    os.dup2(stderr_fd, _STDERR_FD)
    os.dup2(response_fd, _RESPONSE_FD)
    # Not `closerange`: where it cannot ask the kernel, it may try a billion numbers.
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > _RESPONSE_FD:
            # The descriptor of the listing is closed already.
            with suppress(OSError):
                os.close(fd)


def _response(perform: Perform, request: SandboxRequest) -> bytes:
    try:
        return protocol.encode(perform(request))
    except NotADebugFile as e:
        return protocol.encode({"refused": str(e)[: protocol.MAX_TEXT_LENGTH]})
    except OSError as e:
        return protocol.encode({"lost": "it cannot be read", "stderr": str(e)})
