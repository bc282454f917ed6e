"""What tests begin with: organizations, projects, tokens, and uploads of their own."""

import io
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from tests import task_queues

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import catalogue, missing_ids
from symdepot.debugfiles.models import DebugFile
from symdepot.debugfiles.near_misses import RequestedIds
from symdepot.domain.ids import Checksum, CodeId, DebugId
from symdepot.domain.objects import Format, ObjectFile
from symdepot.pipeline import upload_requests
from symdepot.projects import tokens
from symdepot.projects.models import Organization, Project
from symdepot.projects.tokens import Scope
from symdepot.uploads import chunks
from symdepot.uploads.models import File

ALL_SCOPES = (Scope.READ, Scope.RELEASES, Scope.WRITE, Scope.CI)
PIECE_BYTES = 1 << 20
"""The chunk size that tests run with."""

type Answer = Any
"""Django's own test response has no public type."""


def an_organization(slug: str = "acme") -> Organization:
    return Organization.objects.get_or_create(slug=slug)[0]


def a_project(slug: str = "game", organization: str = "acme") -> Project:
    return Project.objects.get_or_create(
        organization=an_organization(organization), slug=slug
    )[0]


def a_client(
    organization: str = "acme",
    *,
    project: Project | None = None,
    scopes: Sequence[Scope] = ALL_SCOPES,
    user_agent: str = "sentry-cli/3.8.2",
) -> Client:
    """Return an HTTP client with a token of its own."""
    place = project or an_organization(organization)
    token = tokens.create_token(place, scopes=scopes, by="a test")
    headers = {"Authorization": f"Bearer {token}", "User-Agent": user_agent}
    return Client(headers=headers)


def a_breakpad_file(
    debug_id: str | None = None,
    *,
    arch: str = "x86_64",
    records: Sequence[str] = ("FUNC 1000 10 0 main", "PUBLIC 2000 0 exported"),
    at_least_bytes: int = 0,
) -> bytes:
    """Return a small but real symbol file with the given, or a new, Breakpad id.

    Written by hand after Breakpad's docs/symbol_files.md. What it takes to be of
    `at_least_bytes` is random.
    """
    identity = debug_id or f"{uuid4().hex.upper()}0"
    lines = [f"MODULE Linux {arch} {identity} hello", *records]
    content = "".join(f"{line}\n" for line in lines)
    while len(content) < at_least_bytes:
        content += f"INFO URL {secrets.token_hex(128 * 1024)}\n"
    return content.encode()


def a_mapping(name: str = "a") -> bytes:
    """Return a small ProGuard mapping."""
    return f"com.example.Main -> {name}:\n".encode()


def pieces(content: bytes, size: int = PIECE_BYTES) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def chunk_url(organization: str = "acme") -> str:
    return f"/api/0/organizations/{organization}/chunk-upload/"


def files_url(
    rest: str = "dsyms/", *, project: str = "game", organization: str = "acme"
) -> str:
    return f"/api/0/projects/{organization}/{project}/files/{rest}"


def a_part(content: bytes, *, called: str | None = None) -> SimpleUploadedFile:
    """Return a part of a multipart request, called by its checksum."""
    name = Checksum.of(content).hex if called is None else called
    return SimpleUploadedFile(name, content)


def send(client: Client, *parts: bytes, organization: str = "acme") -> Answer:
    return client.post(
        chunk_url(organization), {"file": [a_part(part) for part in parts]}
    )


def keep(*parts: bytes) -> dict[Checksum, int]:
    """Put `parts` into the store and return their sizes in bytes."""
    sizes = {}
    for part in parts:
        checksum = Checksum.of(part)
        sizes[checksum] = blob_store().put(checksum, io.BytesIO(part))
    return sizes


def own(project: Project, *parts: bytes) -> None:
    """Let the project's organization own `parts`, as if it had sent them as chunks."""
    upload_requests.accept_chunks(project.organization, keep(*parts))


def a_file(project: Project, *parts: bytes) -> File:
    """Return a file that is made of `parts`, as if it had been assembled."""
    content = b"".join(parts)
    sizes = keep(*parts)
    chunks.record_chunks(project.organization, sizes, blob_store())
    places = [Checksum.of(part) for part in parts]
    return chunks.record_file(Checksum.of(content), places, len(content))


def an_object(**differing: Any) -> ObjectFile:
    """Return what is known of an ELF companion, but for what is `differing`."""
    usual = ObjectFile(
        format=Format.ELF,
        kind="dbg",
        arch="x86_64",
        debug_id=DebugId(uuid4()),
        code_id=None,
        features=frozenset({"debug", "symtab"}),
        name="hello.debug",
    )
    return replace(usual, **differing)


def a_debug_file(
    project: Project, content: bytes | None = None, **differing: Any
) -> DebugFile:
    """Return a debug file of `project`; `differing` as in `an_object`."""
    file = a_file(project, uuid4().bytes if content is None else content)
    with transaction.atomic():
        return catalogue.add(project, file, an_object(**differing))


def described(
    content: bytes,
    *,
    name: str = "hello.sym",
    piece: int = PIECE_BYTES,
    debug_id: str | None = None,
) -> dict[str, dict[str, object]]:
    """Return how a client describes one file in an assemble request."""
    parts = [Checksum.of(part).hex for part in pieces(content, piece)]
    described: dict[str, object] = {"name": name, "chunks": parts}
    if debug_id is not None:
        described["debug_id"] = debug_id
    return {Checksum.of(content).hex: described}


def assemble(
    client: Client,
    files: Mapping[str, object],
    *,
    project: str = "game",
    organization: str = "acme",
) -> Answer:
    return client.post(
        files_url("difs/assemble/", project=project, organization=organization),
        files,
        content_type="application/json",
    )


def standing(client: Client, content: bytes, **how: Any) -> dict[str, Any]:
    """Offer one file and return its part of the answer; `how` as in `described`."""
    where = {k: how.pop(k) for k in ("project", "organization") if k in how}
    answer = assemble(client, described(content, **how), **where).json()
    standing: dict[str, Any] = answer[Checksum.of(content).hex]
    task_queues.create_symcaches_at_once()
    return standing


def polled(client: Client, content: bytes) -> dict[str, Any]:
    """Ask where one file stands, offering no chunks."""
    checksum = Checksum.of(content).hex
    answer = assemble(client, {checksum: {"name": "hello.sym", "chunks": []}}).json()
    standing: dict[str, Any] = answer[checksum]
    return standing


def upload(client: Client, content: bytes, **how: Any) -> dict[str, Any]:
    """Send a file the whole way; return its part of the answer as `standing` does."""
    organization = how.get("organization", "acme")
    for chunk in pieces(content, how.get("piece", PIECE_BYTES)):
        assert send(client, chunk, organization=organization).status_code == 200
    return standing(client, content, **how)


def record_miss(
    project: Project,
    *,
    debug_id: DebugId | None,
    code_id: CodeId | None,
    by: str,
    name: str = "",
) -> None:
    missing_ids.record_miss(project.pk, RequestedIds(debug_id, code_id, name), by=by)
