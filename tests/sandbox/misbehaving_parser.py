"""A zygote with misbehaving children; the file's name is the behaviour."""

import os
import signal
import sys
import time
from pathlib import Path

from symdepot.domain.errors import NotADebugFile
from symdepot.sandbox import zygote
from symdepot.sandbox.protocol import SandboxRequest


def misbehave(request: SandboxRequest) -> dict[str, object]:
    globals()[request.name](request.path)
    raise NotADebugFile("well behaved")


def behave(_: Path) -> None:
    pass


def sleep(_: Path) -> None:
    time.sleep(60)


def nap(_: Path) -> None:
    time.sleep(1)


def close_all_and_sleep(_: Path) -> None:
    os.closerange(0, 10)
    time.sleep(60)


def spin(_: Path) -> None:
    while True:
        pass


def hoard(_: Path) -> None:
    bytearray(1 << 30)


def crash(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def be_killed(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lose_the_disk(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGBUS)


def be_killed_by_a_realtime_signal(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 5)


def raise_os_error(_: Path) -> None:
    raise FileNotFoundError("[Errno 2] /a/secret/place")


def fail(_: Path) -> None:
    raise KeyError("a bug of ours")


def print_much_and_crash(path: Path) -> None:
    for _ in range(1000):
        os.write(2, b"aaaah" * 200)
    os.write(2, b"the last words")
    crash(path)


def respond_without_end(_: Path) -> None:
    while True:
        os.write(3, b"[" * 1000)


def exit_without_response(_: Path) -> None:
    os._exit(0)


def respond_with_file(path: Path) -> None:
    os.write(3, path.read_bytes())
    os._exit(0)


def write_a_file(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def open_many_files(path: Path) -> None:
    while True:
        os.open(path, os.O_RDONLY)


def report_open_files(_: Path) -> None:
    raise NotADebugFile(
        " ".join(sorted(fd.name for fd in Path("/proc/self/fd").iterdir()))
    )


def report_environment(_: Path) -> None:
    raise NotADebugFile(Path("/proc/self/environ").read_text())


def report_limits(_: Path) -> None:
    raise NotADebugFile(Path("/proc/self/limits").read_text())


if __name__ == "__main__":
    zygote.serve(sys.argv[1:], misbehave)
