"""Ended processes are restarted, and none is left at the end."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.installations import Installation, RunningServer, eventually, is_alive

from symdepot.server import supervisor
from symdepot.server.config import Misconfigured
from symdepot.server.supervisor import SupervisedProcess


@pytest.mark.server
def test_a_killed_web_worker_is_restarted(server: RunningServer) -> None:
    assert eventually(lambda: len(server.web_workers()) == 2)
    listener, victim = server.listener(), server.web_workers()[0]

    victim.kill()

    assert eventually(lambda: len({*server.web_workers()} - {victim}) == 2)
    assert server.listener() == listener
    assert server.status("/health/ready") == 200


@pytest.mark.server
def test_a_killed_listener_is_restarted_and_its_workers_end(
    server: RunningServer,
) -> None:
    listener, answering = server.listener(), server.web_workers()

    listener.kill()

    assert eventually(lambda: not any(map(is_alive, answering)))
    assert eventually(lambda: server.listener() != listener)
    assert eventually(lambda: server.status("/health/ready") == 200)


@pytest.mark.server
def test_a_killed_background_worker_is_restarted(server: RunningServer) -> None:
    before = server.workers()

    before[0].kill()

    assert eventually(lambda: len(set(server.workers()) - {before[0]}) == 2)


@pytest.mark.server
def test_all_processes_end_with_a_killed_supervisor(installation: Installation) -> None:
    with installation.serving("--workers", "1") as server:
        family = server.supervisor.children(recursive=True)

        server.supervisor.kill()

        left = eventually(lambda: not any(map(is_alive, family)), within_seconds=3)
        assert left is True
        assert len(family) >= 4


@pytest.mark.server
def test_sigterm_stops_all_processes_in_order(
    installation: Installation,
) -> None:
    with installation.serving("--workers", "1") as server:
        family = server.supervisor.children(recursive=True)

        status = server.stop()

        assert status == 0
        assert not any(map(is_alive, family))
        assert "process.ended" not in server.log.read_text()


def test_a_child_that_never_starts_is_an_error() -> None:
    child = SupervisedProcess("web", [sys.executable, "-c", "raise SystemExit(3)"])

    with pytest.raises(Misconfigured, match="'web' ended 3 times before the server"):
        supervisor.supervise([child], is_ready=lambda: False, on_ready=lambda: None)


def test_pauses_grow_when_a_child_ends_soon() -> None:
    child = SupervisedProcess("hasty", [sys.executable, "-c", ""])
    pauses: list[float] = []

    for _ in range(3):
        ended_at = time.monotonic()
        while child.has_ended():
            child.keep_running()
        pauses.append(time.monotonic() - ended_at)
        while not child.has_ended():
            time.sleep(0.001)

    assert pauses[0] < 0.05 < pauses[1] < pauses[2]


def test_a_child_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_GRACE_SECONDS", 0.1)
    child = SupervisedProcess(
        "deaf", ["sh", "-c", f"trap '' TERM; touch {tmp_path}/up; sleep 60"]
    )

    began_at = time.monotonic()
    supervisor.supervise(
        [child],
        is_ready=(tmp_path / "up").exists,
        on_ready=lambda: signal.raise_signal(signal.SIGTERM),
    )

    assert child.has_ended()
    assert time.monotonic() - began_at < 10


def test_descendants_of_an_ended_child_are_killed() -> None:
    child = SupervisedProcess("parent", ["sh", "-c", "sleep 60 & wait"])
    child.keep_running()
    parent = psutil.Process(child.pid)
    orphan = eventually(lambda: parent.children()[0])
    assert orphan is not None

    parent.kill()

    assert eventually(child.has_ended)
    assert eventually(lambda: not is_alive(orphan))
