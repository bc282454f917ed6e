"""Requests to a running server, made by hand."""

import hashlib
import http.client
import io
import json
import secrets
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

_WAIT_SECONDS = 60.0
_LINE = b"\r\n"

type Json = Any


def sha1(content: bytes) -> str:
    """Return what clients and server call a file by."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def pieces(content: bytes, size: int) -> list[bytes]:
    """Cut as a client does."""
    return [content[start : start + size] for start in range(0, len(content), size)]


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of files by their names."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return archive.getvalue()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Json:
        """Return the body, which must be JSON."""
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Multipart:
    """Chunks as sentry-cli sends them: one part each, called by its checksum."""

    content: bytes
    content_type: str

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> "Multipart":
        """Wrap `chunks` up. Source: spec/sentry-cli A4."""
        boundary = secrets.token_hex(16)
        lines = []
        for chunk in chunks:
            lines += [
                b"--" + boundary.encode(),
                b'Content-Disposition: form-data; name="file"; filename="'
                + sha1(chunk).encode()
                + b'"',
                b"Content-Type: application/octet-stream",
                b"",
                chunk,
            ]
        lines += [b"--" + boundary.encode() + b"--", b""]
        return cls(_LINE.join(lines), f"multipart/form-data; boundary={boundary}")


@dataclass(frozen=True, slots=True)
class Wire:
    """A server, and who speaks to it about which project."""

    url: str
    token: str
    organization: str
    project: str

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    @property
    def chunks_path(self) -> str:
        """Where chunks are posted."""
        return f"/api/0/organizations/{self.organization}/chunk-upload/"

    @property
    def files_path(self) -> str:
        """What the paths about debug files begin with."""
        return f"/api/0/projects/{self.organization}/{self.project}/files"

    def ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Make one request, on a connection of its own; a header may occur twice."""
        line = http.client.HTTPConnection(*self.address, timeout=_WAIT_SECONDS)
        try:
            line.putrequest(method, path)
            line.putheader("Authorization", f"Bearer {self.token}")
            for name, value in headers:
                line.putheader(name, value)
            if content is not None:
                line.putheader("Content-Length", str(len(content)))
            line.endheaders(content)
            response = line.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            line.close()

    def options(self) -> Json:
        """Return how chunks should be sent."""
        return self.ask("GET", self.chunks_path).json()

    def send(self, *chunks: bytes) -> Answer:
        """Post chunks in one request."""
        parts = Multipart.of(chunks)
        return self.ask(
            "POST",
            self.chunks_path,
            parts.content,
            headers=[("Content-Type", parts.content_type)],
        )

    def assemble(self, files: Mapping[str, Mapping[str, object]]) -> Json:
        """Offer files; return where each stands."""
        answer = self.ask(
            "POST",
            f"{self.files_path}/difs/assemble/",
            json.dumps(files).encode(),
            headers=[("Content-Type", "application/json")],
        )
        assert answer.status == 200, answer
        return answer.json()

    def send_zip(self, members: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """Post files in a zip, as old clients do; return those that are new."""
        form = Multipart.of([zipped(members)])
        answer = self.ask(
            "POST",
            f"{self.files_path}/dsyms/",
            form.content,
            headers=[("Content-Type", form.content_type)],
        )
        assert answer.status == 201, answer
        new: list[dict[str, Any]] = answer.json()
        return new

    def upload(
        self, content: bytes, name: str, debug_id: str | None = None
    ) -> dict[str, Any]:
        """Send a file as one chunk, and return where it stands when all is done."""
        checksum = sha1(content)
        described_as = described(content, name=name, chunk_size=len(content))
        claim = {} if debug_id is None else {"debug_id": debug_id}
        offer = {checksum: {**described_as, **claim}}
        assert self.send(content).status == 200
        give_up_at = time.monotonic() + _WAIT_SECONDS
        while True:
            standing: dict[str, Any] = self.assemble(offer)[checksum]
            if standing["state"] not in {"created", "assembling"}:
                return standing
            assert time.monotonic() < give_up_at, standing
            time.sleep(0.1)

    def files(self, **query: str) -> list[dict[str, Any]]:
        """Return the debug files that a query finds, on one page of a hundred."""
        asked = urlencode({"per_page": "100", **query})
        answer = self.ask("GET", f"{self.files_path}/dsyms/?{asked}")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json()
        return found

    def all_files(self) -> list[dict[str, Any]]:
        """Return all debug files of the project, page after page."""
        found: list[dict[str, Any]] = []
        while page := self.files(cursor=f"0:{len(found)}:0"):
            found += page
        return found

    def download(self, row_id: object) -> bytes:
        """Return the bytes of a debug file."""
        answer = self.ask("GET", f"{self.files_path}/dsyms/?id={row_id}")
        assert answer.status == 200, answer
        return answer.content

    def copies(self, debug_id: str) -> dict[str, bytes]:
        """Return the bytes of all files of a debug id, by the checksum of each."""
        return {
            found["sha1"]: self.download(found["id"])
            for found in self.files(debug_id=debug_id)
        }


def described(content: bytes, *, name: str, chunk_size: int) -> dict[str, object]:
    """Return how a client describes a file to the server."""
    return {
        "name": name,
        "chunks": [sha1(chunk) for chunk in pieces(content, chunk_size)],
    }
