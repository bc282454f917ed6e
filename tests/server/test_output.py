"""Progress is shown on a terminal, and nowhere else."""

import os
import re
from contextlib import redirect_stderr, suppress
from pathlib import Path

import pytest

from symdepot.server.cli import progress_bar

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def read_terminal(terminal: int) -> bytes:
    """Return what was written to a terminal whose other end is closed."""
    shown = b""
    with open(terminal, "rb", buffering=0) as screen, suppress(OSError):
        while block := screen.read(1 << 16):
            shown += block
    return shown


def test_progress_shows_files_and_bytes_and_keeps_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    looking, showing = os.openpty()
    with (
        os.fdopen(showing, "w") as errors,
        redirect_stderr(errors),
        progress_bar.show_progress(
            "Importing", total_count=3, total_bytes=4_000_000
        ) as progress,
    ):
        progress("files", 1, 1_000_000)
        progress("files", 1, 1_000_000)
        progress.print("bad.sym: [bold] is no debug file.")

    shown = _ESCAPES.sub("", read_terminal(looking).decode())
    assert re.search(r"Importing .* 2 of 3 files 2\.0/4\.0 MB", shown)
    assert "bad.sym: [bold] is no debug file.\r\n" in shown


def test_without_a_terminal_only_messages_are_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    long = f"{tmp_path}/{'x' * 300}: It changed while it was read."

    with progress_bar.show_progress(
        "Importing", total_count=1, total_bytes=1
    ) as progress:
        progress("files", 1, 1)
        progress.print(long)

    assert capsys.readouterr() == ("", f"{long}\n")
