"""What strangers have named, on a terminal."""


def safe(text: str) -> str:
    r"""Return one line that moves no cursor and hides nothing.

    >>> safe("lib\x1b[2J\nfoo.so")
    'lib\ufffd[2J\ufffdfoo.so'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
