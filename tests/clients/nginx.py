"""nginx, as `docs/operations.md` sets it up before a server."""

import getpass
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import environment
from tests.clients.debuggers import program

_DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
_START_SECONDS = 10
_PATIENCE_SECONDS = 0.05


def documented() -> str:
    """Return what the docs have for files that nginx sends itself."""
    match = re.search(
        r"```nginx\n(    location / \{.*?)```", _DOCS.read_text(), re.DOTALL
    )
    assert match, "docs/operations.md shows no locations for nginx"
    return match[1]


@contextmanager
def before(
    upstream: str, blobs: Path, folder: Path, *, buffers_requests: bool = True
) -> Iterator[str]:
    """Run nginx before the server at `upstream`; lend the URL where it answers.

    Without `buffers_requests` it passes a body on in chunks, if it comes in chunks.
    """
    locations = (
        documented()
        .replace("http://127.0.0.1:8000", upstream)
        .replace("/var/lib/symdepot/blobs/", f"{blobs}/")
    )
    buffering = "on" if buffers_requests else "off"
    with _running(f"proxy_request_buffering {buffering};{locations}", folder) as url:
        yield url


@contextmanager
def alone(files: Path, folder: Path) -> Iterator[str]:
    """Run nginx over a folder of files; lend the URL where it answers."""
    with _running(f"root {files};", folder) as url:
        yield url


@contextmanager
def _running(locations: str, folder: Path) -> Iterator[str]:
    port = environment.free_port()
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder, user=getpass.getuser(), port=port, locations=locations
        )
    )
    words = [program("nginx"), "-p", str(folder), "-c", str(config)]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(words, stderr=log)  # noqa: S603 -- a program of Debian's
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up_at:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(_PATIENCE_SECONDS)
    raise AssertionError("nginx did not start")


_CONFIG = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    # As Debian has it.
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 72m;
        {locations}
    }}
}}
"""
