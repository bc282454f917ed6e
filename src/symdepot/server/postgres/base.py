"""The database backend for Postgres: an outage is noticed within a second.

A server that is gone may refuse connections, or not answer at all: its host is switched
off, or a proxy before it forwards nothing. libpq waits minutes for the latter. So a thread
that has waited for half a second, for a connection or for the result of a query, probes
the server with a new connection. If there is no answer, the query fails, and for a moment
all further connections are refused at once, so that requests do not each wait. A server
that is only slow answers the probe, and the query goes on.
"""

import socket
import time
from collections.abc import Generator
from pathlib import Path
from threading import Lock
from typing import Any, override

import psycopg
from django.db.backends.postgresql import base as django
from psycopg_pool import ConnectionPool, PoolTimeout

_WAIT_SECONDS = 0.4
_PROBE_SECONDS = 0.3
"""How long to wait for the answer to a probe, which takes a few milliseconds."""
_PAUSE_SECONDS = 0.3
"""Between two probes of a server that is gone."""
_BUSY_SECONDS = 10.0
"""How long to wait for a connection if the server is alive and all are in use."""
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""Answered with one byte, before any authentication.

Source: PostgreSQL, "Frontend/Backend Protocol", message SSLRequest.
"""


class ServerProbe:
    """Whether the database server, to which this process was connected, is alive."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._address: tuple[str, int] | None = None
        self._probed_at = 0.0
        self.is_gone = False
        """It did not answer the last probe."""
        self.is_refusing = True
        """The last attempt to connect failed."""
        self.has_lost_connection = False
        """The server ended a connection, as when it restarts: others may be dead."""

    def connected(self, host: str, port: int) -> None:
        """Remember where the server answers."""
        self._address = host, port
        self.is_refusing = False

    def is_alive(self) -> bool:
        """Probe the server, unless another thread did just now.

        True, too, if its address is not known yet.
        """
        if self._address is None:
            return True
        if not self._lock.acquire(blocking=not self.is_gone):
            return False
        try:
            if time.monotonic() - self._probed_at > _PAUSE_SECONDS:
                self.is_gone = not answers_probe(*self._address)
                self._probed_at = time.monotonic()
            return not self.is_gone
        finally:
            self._lock.release()

    def require(self) -> None:
        """Probe the server.

        Raises:
            OperationalError: it does not answer.
        """
        if not self.is_alive():
            raise psycopg.OperationalError("The database server does not answer.")


server_probe = ServerProbe()


def answers_probe(host: str, port: int) -> bool:
    """Return whether a Postgres server answers at `host`, a name or a folder."""
    try:
        with _connect(host, port) as line:
            line.sendall(_SSL_REQUEST)
            return bool(line.recv(1))
    except OSError:
        return False


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose queries fail if the server is gone."""

    @classmethod
    @override
    def connect(cls, conninfo: str = "", **parameters: Any) -> "WatchedConnection":
        server_probe.require()  # it takes less time than to connect in vain
        try:
            made = super().connect(conninfo, **parameters)
        except psycopg.Error:
            server_probe.is_refusing = True
            raise
        server_probe.connected(made.info.host, made.info.port)
        return made

    @override
    def wait[Result](
        self,
        gen: Generator[Any, Any, Result],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> Result:
        try:
            return super().wait(self._watched(gen), interval, timeout)
        except psycopg.OperationalError:
            server_probe.has_lost_connection |= self.closed
            raise

    def _watched[Result](
        self, query: Generator[Any, Any, Result]
    ) -> Generator[Any, Any, Result]:
        """Pass on what `query` waits for; `ready` is 0 after an interval of waiting."""
        probe_at = time.monotonic() + _WAIT_SECONDS
        try:
            awaited = next(query)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > probe_at:
                    self._require_server()
                    probe_at = time.monotonic() + _WAIT_SECONDS
                awaited = query.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _require_server(self) -> None:
        try:
            server_probe.require()
        except psycopg.OperationalError:
            self.pgconn.finish()
            raise


class DatabaseWrapper(django.DatabaseWrapper):
    """Django's backend, with connections from a pool that fail soon."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        if pool := settings_dict["OPTIONS"].get("pool"):
            pool["connection_class"] = WatchedConnection

    @override
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        is_pool_dead = server_probe.is_gone or server_probe.has_lost_connection
        if server_probe.is_gone:
            server_probe.require()
        if is_pool_dead:
            server_probe.has_lost_connection = False
            pool = self.pool
            if isinstance(pool, ConnectionPool):
                pool.drain()
        give_up_at = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                server_probe.require()
                if server_probe.is_refusing or time.monotonic() > give_up_at:
                    raise


def _connect(host: str, port: int) -> socket.socket:
    if not host.startswith(("/", "@")):
        return socket.create_connection((host, port), timeout=_PROBE_SECONDS)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(_PROBE_SECONDS)
    line.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return line
