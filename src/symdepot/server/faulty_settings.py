"""Says what is wrong with settings, in sentences."""

from pydantic import ValidationError

from symdepot.server import config
from symdepot.server.config import Config

_MAY_HOLD_SECRETS = {"database_url", "blob_url", "secret_key"}


def explained(error: ValidationError) -> str:
    """Say which settings are wrong, and what is wrong with each."""
    return "\n".join(
        _explained(
            ".".join(str(part) for part in fault["loc"]), fault["msg"], fault["input"]
        )
        for fault in error.errors(include_url=False, include_context=False)
    )


def _explained(setting: str, fault: str, value: object) -> str:
    text = fault.removeprefix("Value error, ").rstrip(".") + "."
    variable = config.PREFIX + setting.upper()
    if not setting:
        return text
    if setting not in Config.model_fields:
        return f"{setting!r} in {config.chosen_file()} is not a setting."
    if setting in _MAY_HOLD_SECRETS:
        return f"{variable}: {text}"
    return f"{variable} is {value!r}: {text}"
