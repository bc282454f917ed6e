"""JSON of Sentry's API: schemas, parsing of requests, rendering of debug files.

Field names are those of Sentry.
"""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Schema
from pydantic import (
    BaseModel,
    Field,
    StrictStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import from_json

from symdepot.debugfiles.models import DebugFile
from symdepot.domain import text_format
from symdepot.domain.errors import BodyTooLarge, InvalidRequest
from symdepot.domain.ids import Checksum, DebugId
from symdepot.protocols import request_body
from symdepot.symcaches import failure_report
from symdepot.symcaches.models import SymCache
from symdepot.uploads.assembly import UploadRequest

_SHA1 = r"^[0-9a-f]{40}$"
_DEBUG_ID = r"^[A-Fa-f0-9-]+$"
_UUID_LENGTH = 36
_MAX_SHOWN_LENGTH = 200
_MAX_CHUNKS = 100_000
"""Of all files of an assemble request; each costs some 20 µs."""
_CLI_VERSION = re.compile(r"sentry-cli/(\d+)\.(\d+)\.(\d+)").match
_JSON_TYPES = {"string_type": "string", "list_type": "array"}

type _Sha1 = Annotated[str, StringConstraints(pattern=_SHA1, strict=True)]


class ChunkUploadOptions(Schema):
    """The upload options. Source: spec/sentry-cli A3."""

    url: str
    chunkSize: int  # noqa: N815 -- sentry-cli's spelling, here and below
    chunksPerRequest: int  # noqa: N815
    maxFileSize: int  # noqa: N815
    maxRequestSize: int  # noqa: N815
    concurrency: int
    hashAlgorithm: str  # noqa: N815
    compression: list[str]
    accept: list[str]


class AssembleFile(BaseModel):
    """One upload request.

    Not a ninja `Schema`, which would also read the fields from attributes of a string.
    """

    name: StrictStr
    chunks: Annotated[list[_Sha1], Field(fail_fast=True)]
    debug_id: Annotated[str, StringConstraints(pattern=_DEBUG_ID, strict=True)] = ""


class DebugFileData(Schema):
    """The kind and the features of a debug file."""

    type: str | None
    features: list[str]


class SymCacheOut(Schema):
    """The symcache of a debug file, an extension that clients ignore.

    `outcome` is `queued`, `making`, `made` or `failed`; `detail` is the reason of a
    failure, and `retryAt` the time from which it may be tried again.
    """

    outcome: str
    detail: str | None
    symbolsOnly: bool  # noqa: N815
    retryAt: str | None  # noqa: N815


class DebugFileOut(Schema):
    """One debug file. Source: spec/sentry-server 3.3; ids are strings there."""

    id: str
    uuid: str
    debugId: str  # noqa: N815
    codeId: str | None  # noqa: N815
    cpuName: str  # noqa: N815
    objectName: str  # noqa: N815
    symbolType: str  # noqa: N815
    headers: dict[str, str]
    size: int
    sha1: str
    dateCreated: str  # noqa: N815
    data: DebugFileData
    symcache: SymCacheOut | None


class AssembleState(Schema):
    """The status of an upload request. Source: spec/sentry-server 2.2."""

    state: str
    missingChunks: list[str]  # noqa: N815
    detail: str | None = None
    dif: DebugFileOut | None = None


_ASSEMBLE_BODY = TypeAdapter(dict[_Sha1, AssembleFile])


def upload_requests(body: bytes, *, by: str, is_confined: bool) -> list[UploadRequest]:
    """Parse the body of an assemble request by the actor `by`.

    `is_confined`: its token is for one project.

    An invalid `debug_id` that matches the pattern is ignored.

    Raises:
        InvalidRequest: the body is invalid; the text is that of Sentry's JSON schema.

    Source: spec/sentry-server 2.1.
    """
    try:
        content = from_json(body)
    except ValueError:
        raise InvalidRequest("Invalid json body") from None
    if isinstance(content, dict) and len(content) > settings.MAX_FILES_PER_ASSEMBLE:
        # Before each of them is validated.
        raise InvalidRequest(
            f"{len(content)} files in one request are too many: "
            f"at most {settings.MAX_FILES_PER_ASSEMBLE} are taken"
        )
    try:
        files = _ASSEMBLE_BODY.validate_python(content)
    except ValidationError as invalid:
        raise InvalidRequest(_schema_message(invalid)) from None
    if (chunks := sum(len(file.chunks) for file in files.values())) > _MAX_CHUNKS:
        raise InvalidRequest(
            f"{chunks} chunks in one request are too many: "
            f"at most {_MAX_CHUNKS} are taken"
        )
    found = [_upload_request(checksum, file, by) for checksum, file in files.items()]
    return [replace(request, is_confined=is_confined) for request in found]


def read_body[Body: BaseModel](request: HttpRequest, model: type[Body]) -> Body:
    """Parse the JSON body of `request`.

    Raises:
        InvalidRequest: it is truncated, too large, no JSON, or does not fit `model`.
    """
    try:
        return model.model_validate_json(request_body.read_json(request))
    except BodyTooLarge:
        raise InvalidRequest("the body of the request is too large") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise InvalidRequest("Invalid json body")
    location = ".".join(str(part) for part in first["loc"])
    raise InvalidRequest(f"{location}: {first['msg']}" if location else first["msg"])


def valid_checksums(texts: Iterable[str]) -> list[Checksum]:
    """Parse checksums in either case; invalid ones are skipped."""
    checksums = []
    for text in texts:
        with suppress(ValueError):
            checksums.append(Checksum(text.lower()))
    return checksums


def cli_version(request: HttpRequest) -> tuple[int, ...]:
    """Return the three numbers of the version of sentry-cli; () for another client."""
    match = _CLI_VERSION(request.headers.get("User-Agent", ""))
    return tuple(int(part) for part in match.groups()) if match else ()


def time_json(time: datetime | None) -> str | None:
    """Return a time as `text_format.format_time` does; None for None."""
    return text_format.format_time(time) if time else None


def debug_files_json(rows: Collection[DebugFile]) -> list[DebugFileOut]:
    """Return the JSON of debug files in the given order, with their symcaches.

    Source: spec/sentry-server 3.3.
    """
    symcaches = failure_report.latest_rows(rows)
    return [debug_file_json(row, symcaches.get(row.pk)) for row in rows]


def debug_file_json(row: DebugFile, symcache: SymCache | None = None) -> DebugFileOut:
    """Return the JSON of one debug file."""
    found = row.object_file()
    return DebugFileOut(
        id=str(row.pk),
        uuid=row.debug_id[:_UUID_LENGTH],
        debugId=row.debug_id,
        codeId=row.code_id or None,
        cpuName=row.arch,
        objectName=row.object_name,
        symbolType=found.format.value,
        headers={"Content-Type": found.format.mime_type},
        size=row.file.size_bytes,
        sha1=row.file.checksum,
        dateCreated=text_format.format_time(row.file.created_at),
        data=DebugFileData(type=found.kind, features=sorted(found.features)),
        symcache=_symcache(symcache) if symcache else None,
    )


def _upload_request(checksum: str, file: AssembleFile, by: str) -> UploadRequest:
    if "\0" in file.name:
        raise InvalidRequest(f"the name of {checksum} contains a NUL")
    if len(file.name) > settings.MAX_NAME_LENGTH:
        raise InvalidRequest(
            f"the name of {checksum} is too long: "
            f"at most {settings.MAX_NAME_LENGTH} characters are taken"
        )
    if len(file.chunks) > settings.MAX_CHUNKS_PER_FILE:
        raise InvalidRequest(
            f"{checksum} has {len(file.chunks)} chunks, which are too many: "
            f"at most {settings.MAX_CHUNKS_PER_FILE} are taken"
        )
    return UploadRequest(
        checksum=Checksum(checksum),
        name=file.name,
        chunks=tuple(Checksum(c) for c in file.chunks),
        debug_id=DebugId.parse_or_none(file.debug_id),
        offered_by=by,
    )


def _schema_message(invalid: ValidationError) -> str:
    """Return the first line of a jsonschema message, with values truncated."""
    error = invalid.errors(include_url=False)[0]
    location, value = error["loc"], repr(error["input"])
    if len(value) > _MAX_SHOWN_LENGTH:
        value = f"{value[:_MAX_SHOWN_LENGTH]}…"
    match error["type"]:
        case "missing":
            text = f"{str(location[-1])!r} is a required property"
        case "string_pattern_mismatch" if location[-1] == "[key]":
            text = f"{value} does not match any of the regexes: {_SHA1!r}"
        case "string_pattern_mismatch":
            text = f"{value} does not match {error['ctx']['pattern']!r}"
        case kind:
            text = f"{value} is not of type {_JSON_TYPES.get(kind, 'object')!r}"
    return text


def _symcache(row: SymCache) -> SymCacheOut:
    return SymCacheOut(
        outcome=row.outcome,
        detail=row.detail or None,
        symbolsOnly=row.symbols_only,
        retryAt=time_json(row.retry_at),
    )
