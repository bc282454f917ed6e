"""Who it is that types commands, as the audit names them."""

import os
import pwd


def actor() -> str:
    """Return that the command line was used, and by which user of this machine.

    The user is the one that the kernel knows, not the one whom a variable names.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a number that has no name
        name = str(uid)
    return f"command line ({name})"
