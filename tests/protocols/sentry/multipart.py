"""Multipart requests byte for byte, also invalid ones."""

import gzip
import io
from dataclasses import dataclass
from typing import Any

from django.test import Client
from tests.factories import Answer, chunk_url

from symdepot.blobs.configured import blob_store
from symdepot.domain.ids import Checksum
from symdepot.uploads.models import Chunk, ChunkOwner

_BOUNDARY = "frontier"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    content: bytes
    field: str = "file"
    called: str | None = None

    def on_the_wire(self) -> bytes:
        """Return the part with its headers; the default file name is its SHA-1."""
        called = Checksum.of(self.content).hex if self.called is None else self.called
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="{self.field}"; '
            f'filename="{called}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        return head.encode() + self.content + b"\r\n"


def gzipped(content: bytes, *, packed: bytes | None = None) -> Part:
    """Return a part `file_gzip`, named by the checksum of its content."""
    packed = gzip.compress(content, compresslevel=1) if packed is None else packed
    return Part(packed, field="file_gzip", called=Checksum.of(content).hex)


def body_of(*parts: Part) -> bytes:
    closing = f"--{_BOUNDARY}--\r\n".encode()
    return b"".join(part.on_the_wire() for part in parts) + closing


def post(client: Client, *parts: Part, encoding: str | None = None) -> Answer:
    return post_body(client, body_of(*parts), encoding=encoding)


def post_body(
    client: Client,
    body: bytes,
    *,
    encoding: str | None = None,
    announced_bytes: int | str | None = None,
    content_type: str = f"multipart/form-data; boundary={_BOUNDARY}",
) -> Answer:
    """Send `body` and end the connection, whatever the Content-Length is."""
    length = len(body) if announced_bytes is None else announced_bytes
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    environment: dict[str, Any] = {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(length),
    }
    return client.generic(
        "POST",
        chunk_url(),
        b"see wsgi.input",
        content_type=content_type,
        headers=headers,
        **environment,
    )


def kept(organization: str = "acme") -> dict[str, bytes]:
    """Return the chunks that an organization owns, with their bytes."""
    owned = ChunkOwner.objects.filter(organization__slug=organization)
    rows = Chunk.objects.filter(pk__in=owned.values("chunk"))
    return {c: _read(c) for c in rows.values_list("checksum", flat=True)}


def called(*contents: bytes) -> dict[str, bytes]:
    """Return `contents` by their checksums."""
    return {Checksum.of(content).hex: content for content in contents}


def _read(checksum: str) -> bytes:
    with blob_store().open(Checksum(checksum)) as content:
        return content.read()
