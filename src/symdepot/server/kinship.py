"""Sees to it that no process outlives the one that started it, however that ends."""

import os
import sys

from symdepot.sandbox import linux


def die_with(parent_pid: int) -> None:
    """Have this process killed when its parent, which is `parent_pid`, has ended.

    Ends it at once if that has happened already. The parent is the *thread* that
    started this process, so start children from a thread that stays. Only Linux
    knows of this; elsewhere nothing happens.

    Source: prctl(2), PR_SET_PDEATHSIG. The setting survives `exec` but not `fork`.
    """
    if sys.platform != "linux":
        return
    linux.end_with_parent()
    if os.getppid() != parent_pid:
        os._exit(1)
