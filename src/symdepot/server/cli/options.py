"""Options that several commands have. Each is a setting, and wins over it."""

from pathlib import Path
from typing import Annotated

import typer

_SETTINGS = "Settings"

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Where the data lies, instead of ./data. [SYMDEPOT_DATA_DIR]",
        rich_help_panel=_SETTINGS,
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        help="How clients reach the server, if not at http://127.0.0.1:PORT. "
        "[SYMDEPOT_PUBLIC_URL]",
        metavar="URL",
        rich_help_panel=_SETTINGS,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        help="The address to listen on; 0.0.0.0 is all of them. [SYMDEPOT_HOST]",
        rich_help_panel=_SETTINGS,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        help="The port to listen on. [SYMDEPOT_PORT]", rich_help_panel=_SETTINGS
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="How many background workers to run. [SYMDEPOT_WORKERS]",
        rich_help_panel=_SETTINGS,
    ),
]
