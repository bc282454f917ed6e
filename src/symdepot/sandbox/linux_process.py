"""Linux process functions that `os` lacks, or lacks in some builds."""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SYS_PIDFD_OPEN = 434
_OOM_SCORE_ADJUSTMENT = 500

_libc = ctypes.CDLL(None, use_errno=True)


def open_pidfd(pid: int) -> int:
    """Return a descriptor that becomes readable when the process `pid` ends.

    Raises:
        OSError: there is no such process, or Linux is older than 5.3.

    Source: pidfd_open(2). Portable builds of Python lack `os.pidfd_open`: they are
    compiled with the headers of an older kernel.
    """
    fd: int = _libc.syscall(_SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    Without effect if the parent has ended before.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def lower_priority(niceness: int) -> None:
    """Lower the priority of this process by `niceness`, from 0 (no change) to 19.

    If the kernel schedules by session (autogroup), the session's priority is lowered,
    too. The kernel kills such a process first when memory runs out.

    Source: sched(7), "The autogroup feature"; proc_pid_oom_score_adj(5).
    """
    if not niceness:
        return
    os.nice(niceness)
    for name, value in (
        ("autogroup", niceness),
        ("oom_score_adj", _OOM_SCORE_ADJUSTMENT),
    ):
        # Not every kernel has the first; some containers forbid both.
        with suppress(OSError):
            Path("/proc/self", name).write_text(str(value), "ascii")
