"""Killed processes are replaced, and no process or descriptor is left over."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from symdepot.domain.errors import NotADebugFile, SandboxUnavailable
from symdepot.domain.objects import ObjectFile
from symdepot.sandbox import protocol, zygote_client
from symdepot.sandbox.operations import Sandbox
from symdepot.sandbox.resource_limits import ResourceLimits

MISBEHAVING = Path(__file__).with_name("misbehaving_parser.py")
SHORT_WAIT_SECONDS = 1.5
LONG = ResourceLimits(
    memory_bytes=2**29, mapped_bytes=0, cpu_seconds=20, wall_seconds=30.0
)

SERVER = """
import sys
from pathlib import Path
from symdepot.sandbox.operations import Sandbox

Sandbox(zygote=[sys.argv[1]]).inspect(Path(sys.argv[2]), name="sleep")
"""

CARELESS_SERVER = """
import subprocess, sys, time
from pathlib import Path
from symdepot.sandbox.operations import Sandbox

inspector = Sandbox()
inspector.inspect(Path(sys.argv[1]), name="a")
holder = subprocess.Popen(["sleep", "60"], pass_fds=[inspector._zygote.connection.fileno()])
print(holder.pid, flush=True)
time.sleep(60)
"""

FORKING_SERVER = """
import os, signal, sys, threading, time
from pathlib import Path
from symdepot.domain.errors import NotADebugFile
from symdepot.sandbox.operations import Sandbox

inspector = Sandbox(zygote=[sys.argv[1]])
answers = []

def inspect(behaviour):
    try:
        inspector.inspect(Path(sys.argv[2]), name=behaviour)
    except NotADebugFile as e:
        answers.append(str(e))

def count_in_a_fork():
    fork = os.fork()
    if fork == 0:
        signal.alarm(10)
        inspect("behave")
        os._exit(len(answers))
    _, status = os.waitpid(fork, 0)
    return os.waitstatus_to_exitcode(status)

inspect("behave")
assert count_in_a_fork() == 2
napping = threading.Thread(target=inspect, args=["nap"])
napping.start()
time.sleep(0.3)
assert count_in_a_fork() == 2
napping.join()
inspector.close()
assert answers == ["well behaved"] * 2
"""


@pytest.fixture
def sleeper() -> Iterator[Sandbox]:
    inspector = Sandbox(zygote=[str(MISBEHAVING)], limits=LONG)
    yield inspector
    inspector.close()


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def zygote_and_child_of(
    process: psutil.Process,
) -> tuple[psutil.Process, psutil.Process]:
    """Wait for a zygote of this process to have a child, and return both."""

    def pairs() -> list[tuple[psutil.Process, psutil.Process]]:
        return [
            (zygote, child)
            for zygote in process.children()
            if any(MISBEHAVING.name in part for part in zygote.cmdline())
            for child in zygote.children()
        ]

    assert until(lambda: bool(pairs()))
    return pairs()[0]


@contextmanager
def asleep(
    inspector: Sandbox, path: Path
) -> Iterator[tuple[psutil.Process, psutil.Process, "Future[list[ObjectFile]]"]]:
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(inspector.inspect, path, name="sleep")
        yield *zygote_and_child_of(psutil.Process()), future


def test_a_killed_child_is_a_retry(sleeper: Sandbox, sound: Path) -> None:
    with asleep(sleeper, sound) as (zygote, child, future):
        child.kill()

        with pytest.raises(SandboxUnavailable, match="was killed from outside"):
            future.result()

    with asleep(sleeper, sound) as (same, child, _):
        assert same == zygote
        child.kill()


def test_a_killed_zygote_is_a_retry(sleeper: Sandbox, sound: Path) -> None:
    with asleep(sleeper, sound) as (zygote, child, future):
        zygote.kill()

        with pytest.raises(SandboxUnavailable, match="is gone"):
            future.result()
        assert until(lambda: is_gone(child), SHORT_WAIT_SECONDS)

    with asleep(sleeper, sound) as (_, child, _):
        child.kill()


def test_an_idle_zygote_that_is_killed_is_replaced(sound: Path) -> None:
    others = psutil.Process().children()
    inspector = Sandbox()
    before = inspector.inspect(sound, name="a")
    (zygote,) = set(psutil.Process().children()) - set(others)

    zygote.kill()
    assert until(lambda: is_gone(zygote))

    assert inspector.inspect(sound, name="a") == before
    inspector.close()


@pytest.mark.slow
def test_a_zygote_that_hangs_is_replaced(
    sleeper: Sandbox, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotADebugFile, match="well behaved"):
        sleeper.inspect(sound, name="behave")
    monkeypatch.setattr(zygote_client, "_GRACE_SECONDS", 1 - LONG.wall_seconds)

    with asleep(sleeper, sound) as (zygote, child, future):
        zygote.suspend()

        with pytest.raises(SandboxUnavailable, match="is gone"):
            future.result()
        assert until(lambda: is_gone(zygote) and is_gone(child), SHORT_WAIT_SECONDS)


def test_the_response_to_an_interrupted_request_is_dropped(
    inspector: Sandbox, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "receive_message", be_interrupted)
        with pytest.raises(KeyboardInterrupt):
            inspector.inspect(sound, name="first")

    assert inspector.inspect(sound, name="second")[0].name == "second"


@pytest.mark.parametrize("code", ["raise SystemExit", "not python"])
def test_a_zygote_that_does_not_start_is_a_retry(sound: Path, code: str) -> None:
    inspector = Sandbox(zygote=["-c", code])

    with pytest.raises(SandboxUnavailable, match="is gone"):
        inspector.inspect(sound, name="a")


def test_a_process_that_cannot_be_started_is_a_retry(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")

    with pytest.raises(SandboxUnavailable, match="no process to read it"):
        Sandbox().inspect(sound, name="a")


def test_a_missing_file_is_a_retry(inspector: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="it cannot be read"):
        inspector.inspect(tmp_path / "none", name="a")


def test_zygote_and_child_die_with_the_server(sound: Path) -> None:
    arguments = ["-c", SERVER, str(MISBEHAVING), str(sound)]
    server = subprocess.Popen([sys.executable, *arguments], env=python_path())  # noqa: S603 - our own code
    zygote, child = zygote_and_child_of(psutil.Process(server.pid))

    server.kill()
    server.wait()

    assert until(lambda: is_gone(zygote) and is_gone(child), SHORT_WAIT_SECONDS)


def test_a_zygote_exits_with_the_server_although_the_socket_is_open_elsewhere(
    sound: Path,
) -> None:
    arguments = [sys.executable, "-c", CARELESS_SERVER, str(sound)]
    server = subprocess.Popen(arguments, env=python_path(), stdout=subprocess.PIPE)  # noqa: S603 - our own code
    with server:
        assert server.stdout is not None
        holder = psutil.Process(int(server.stdout.readline()))
        (zygote,) = set(psutil.Process(server.pid).children()) - {holder}

        server.kill()

    assert until(lambda: is_gone(zygote), SHORT_WAIT_SECONDS)
    assert not is_gone(holder)
    holder.kill()


def test_sigterm_does_not_stop_zygote_or_child(sleeper: Sandbox, sound: Path) -> None:
    with asleep(sleeper, sound) as (zygote, child, future):
        for process in (zygote, child):
            process.terminate()
        time.sleep(0.05)

        assert not future.done()
        child.kill()


def test_a_closed_sandbox_leaves_nothing_open_and_can_be_used_again(
    sound: Path,
) -> None:
    before = psutil.Process().num_fds()
    inspector = Sandbox()

    for _ in range(2):
        inspector.inspect(sound, name="a")
        inspector.close()

    assert psutil.Process().num_fds() == before


@pytest.mark.slow
def test_a_fork_of_the_server_has_its_own_zygote(sound: Path) -> None:
    # Python warns of forks beside threads, which is what this tests.
    strict = ("-W", "error", "-W", "ignore::DeprecationWarning")
    arguments = (*strict, "-c", FORKING_SERVER, str(MISBEHAVING), str(sound))

    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, *arguments],
        env=python_path(),
        stderr=subprocess.PIPE,
        check=False,
        timeout=20,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.slow
def test_200_files_leave_no_descriptors_open(inspector: Sandbox, sound: Path) -> None:
    inspector.inspect(sound, name="a")
    children = psutil.Process().children()
    # Other tests may have servers running here.
    warm = [p for p in children if any("zygote" in word for word in p.cmdline())]
    assert warm
    family = [psutil.Process(), *warm]
    before = [p.num_fds() for p in family]

    for _ in range(200):
        inspector.inspect(sound, name="a")

    assert [p.num_fds() for p in family] == before


def test_a_file_takes_milliseconds(inspector: Sandbox, sound: Path) -> None:
    def cost() -> float:
        begun_at = time.perf_counter()
        inspector.inspect(sound, name="a")
        return time.perf_counter() - begun_at

    # The fastest of many, since other processes may run, too: 4 ms without them.
    assert min(cost() for _ in range(50)) < 0.05


def python_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(sys.path)}
