"""Misbehaving children of archives; the first argument is the behaviour."""

import os
import signal
import sys
import time

from symdepot.sandbox import protocol, resource_limits
from symdepot.sandbox.protocol import ArchiveMessageKind
from symdepot.sandbox.resource_limits import ResourceLimits

A_SECOND = ResourceLimits(
    memory_bytes=64 * 1024**2, mapped_bytes=0, cpu_seconds=1, wall_seconds=1.0
)


def crash() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.MEMBER, b"/begun")
    os.kill(os.getpid(), signal.SIGSEGV)


def spin() -> None:
    while True:
        pass


def be_silent() -> None:
    time.sleep(60)


def give_up() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.FAULT, b"Traceback ...")
    sys.exit(78)


def end_early() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.MEMBER, b"/begun")


def babble() -> None:
    os.write(1, b"<html>")
    time.sleep(60)


def promise_too_much() -> None:
    os.write(1, b"d\xff\xff\xff\xff")
    time.sleep(60)


def give_data_of_nothing() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.DATA, b"of what?")


def give_too_much() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.MEMBER, b"/endless")
    while True:
        protocol.send_archive_message(1, ArchiveMessageKind.DATA, bytes(100_000))


def refuse_in_gibberish() -> None:
    protocol.send_archive_message(1, ArchiveMessageKind.REFUSED, b"[" * 100_000)


if __name__ == "__main__":
    resource_limits.apply(A_SECOND)
    globals()[sys.argv[1]]()
