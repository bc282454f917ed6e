"""Sees to it that no process outlives the one that started it, however that ends."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Source: prctl(2), linux/prctl.h."""


def die_with(parent_pid: int) -> None:
    """Have this process killed when its parent, which is `parent_pid`, has ended.

    Ends it at once if that has happened already. The parent is the *thread* that
    started this process, so start children from a thread that stays. Only Linux
    knows of this; elsewhere nothing happens.

    Source: prctl(2), PR_SET_PDEATHSIG. The setting survives `exec` but not `fork`.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent_pid:
        os._exit(1)
