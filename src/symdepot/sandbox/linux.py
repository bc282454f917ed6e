"""What Linux does for processes and `os` does not offer, or not in every build."""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SYS_PIDFD_OPEN = 434
_FIRST_TO_GO = 500

_libc = ctypes.CDLL(None, use_errno=True)


def open_pidfd(pid: int) -> int:
    """Return a descriptor that becomes readable when the process `pid` ends.

    Raises:
        OSError: there is no such process, or Linux is older than 5.3.

    Source: pidfd_open(2). Portable builds of Python lack `os.pidfd_open`: they are
    made with the headers of an older kernel than they run on.
    """
    fd: int = _libc.syscall(_SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    Of no use if the parent has ended before, nor if it forks in a thread that ends.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def lower_priority(niceness: int) -> None:
    """Let others go first by `niceness`, from 0 (nothing changes) to 19, in all things.

    Where the kernel weighs sessions and not processes, this process's session steps
    back, too. When memory runs out, such a process is the first to go.

    Source: sched(7), "The autogroup feature"; proc_pid_oom_score_adj(5).
    """
    if not niceness:
        return
    os.nice(niceness)
    for name, value in (("autogroup", niceness), ("oom_score_adj", _FIRST_TO_GO)):
        # Not every kernel has the first, and not every container lets us.
        with suppress(OSError):
            Path("/proc/self", name).write_text(str(value), "ascii")
