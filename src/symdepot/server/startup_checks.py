"""Checks before anything starts, and the address to listen on.

Every failed `check_…` raises `Misconfigured` with a message to the operator.
"""

import errno
import os
import socket
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from symdepot.blobs import buckets
from symdepot.blobs.configured import blob_store
from symdepot.domain.errors import StorageUnavailable
from symdepot.domain.ids import Checksum
from symdepot.server.config import Config, Misconfigured

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- recognised, not bound
_MIN_FREE_BYTES = 16 << 20
"""A disk with less free space counts as full."""


def numeric_address(host: str, port: int) -> str:
    """Resolve `host`, since granian only takes numeric addresses.

    Raises:
        OSError: `host` cannot be resolved.
    """
    return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])


def reachable_address(host: str, port: int) -> str:
    """Return an address to connect to for a server on this machine that binds `host`."""
    address = numeric_address(host, port)
    return _LOOPBACK.get(address, address)


def check_folder_writable(folder: Path) -> None:
    """Check that files can be written to `folder`, which is created if missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Misconfigured(
            f"Nothing can be written to the data folder {folder.absolute()} "
            f"({os.strerror(error.errno or errno.EIO)}). Make it writable for this "
            "user, or name another one with --data-dir or SYMDEPOT_DATA_DIR."
        ) from error


def disk_problem(folder: Path) -> str:
    """Return why nothing can be written below `folder`; empty if it can.

    A disk with less than 16 MiB or without a free inode counts as full. Nothing is
    written, so a check costs some microseconds.
    """
    try:
        # A folder that is created later will be on the disk of its parent.
        found = next(path for path in (folder, *folder.parents) if path.exists())
        disk = os.statvfs(found)
    except OSError as error:
        return f"the disk of {folder} fails: {os.strerror(error.errno or errno.EIO)}"
    if disk.f_flag & os.ST_RDONLY or not os.access(found, os.W_OK | os.X_OK):
        return f"{found} cannot be written"
    has_room = disk.f_bavail * disk.f_frsize >= _MIN_FREE_BYTES
    has_inodes = disk.f_favail > 0 or not disk.f_files
    return "" if has_room and has_inodes else f"the disk of {found} is full"


def check_port_free(config: Config) -> None:
    """Check that the configured address and port can be bound."""
    try:
        address = numeric_address(config.host, config.port)
    except OSError as error:
        raise Misconfigured(
            f"SYMDEPOT_HOST is {config.host!r}, which is no address of this machine."
        ) from error
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As granian does: sockets in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, config.port))
            probe.listen()
        except OSError as error:
            raise Misconfigured(_bind_problem(config, error)) from error


def check_storage_url() -> None:
    """Check that the URL of the blob store is valid, without connecting."""
    try:
        blob_store()
    except ValueError as error:
        raise Misconfigured(f"SYMDEPOT_BLOB_URL cannot be used: {error}") from error


def check_download_offload() -> None:
    """Check that the blob store suits SYMDEPOT_DOWNLOADS."""
    scheme = urlsplit(settings.BLOB_URL).scheme
    if settings.DOWNLOADS == "accel" and scheme != "file":
        raise Misconfigured(
            "SYMDEPOT_DOWNLOADS is 'accel', but SYMDEPOT_BLOB_URL names no folder that "
            f"nginx could read ({scheme}://). For a bucket there is 'redirect'."
        )
    if settings.DOWNLOADS == "redirect" and scheme not in buckets.SCHEMES:
        raise Misconfigured(
            "SYMDEPOT_DOWNLOADS is 'redirect', but SYMDEPOT_BLOB_URL names no bucket "
            f"that clients could be sent to ({scheme}://). For a folder there is 'accel'."
        )
    if settings.DOWNLOADS == "redirect":
        _check_url_signing()


def check_database() -> None:
    """Check that Postgres answers; SQLite always does."""
    if connection.vendor != "postgresql":
        return
    # Without the pool, which would wait and retry.
    parameters = connection.get_connection_params() | {"connect_timeout": 5}
    try:
        psycopg.connect(**parameters).close()
    except psycopg.OperationalError as error:
        raise Misconfigured(
            f"The database that SYMDEPOT_DATABASE_URL names does not answer: {error}"
        ) from error


def count_missing_migrations() -> int:
    """Return how many migrations the database lacks."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check_url_signing() -> None:
    try:
        blob_store().signed_url(Checksum.of(b""), valid_for=timedelta(seconds=1))
    except StorageUnavailable as error:
        raise Misconfigured(
            "SYMDEPOT_DOWNLOADS is 'redirect', but no URL of the bucket can be signed: "
            "that needs a key (access_key_id and secret_access_key in SYMDEPOT_BLOB_URL "
            "or the environment), or a role of this machine."
        ) from error


def _bind_problem(config: Config, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {config.port} on {config.host} is taken, perhaps by a symdepot "
                "that runs already. Stop that, or choose another port with --port "
                "or SYMDEPOT_PORT."
            )
        case errno.EACCES:
            return (
                f"This user may not listen on port {config.port}. Choose one from 1024 "
                "on with --port or SYMDEPOT_PORT."
            )
        case errno.EADDRNOTAVAIL:
            return f"SYMDEPOT_HOST is {config.host!r}, which is no address of this machine."
    return f"Cannot listen on {config.host} port {config.port}: {error.strerror}."
