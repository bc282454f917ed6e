"""The key that Django signs with, made once and kept in the data folder."""

import secrets
from pathlib import Path

_FILE = "secret-key"
_LENGTH_BYTES = 48


def kept_in(data_dir: Path) -> str:
    """Return the key of `data_dir`; the first caller makes it.

    Two that come first at once agree: the file appears whole or not at all.
    """
    file = data_dir / _FILE
    if not file.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = data_dir / f"{_FILE}.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(_LENGTH_BYTES))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()
