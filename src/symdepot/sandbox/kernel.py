"""What Linux does for processes and `os` does not offer, or not in every build."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_SYS_PIDFD_OPEN = 434

_libc = ctypes.CDLL(None, use_errno=True)


def open_end(pid: int) -> int:
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
