"""Everything that can be configured, and where it comes from.

Settings are read once, from environment variables named `SYMDEPOT_…` and, below
them, from the TOML file that `SYMDEPOT_CONFIG` names. `docs/configuration.md` has a
heading for each.

Says what is wrong with settings, in sentences.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Literal, Self, override
from urllib.parse import urlsplit

import dj_database_url
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "SYMDEPOT_"
_FILE = f"{PREFIX}CONFIG"
_MIB = 1024 * 1024
_MOST_IN_A_LIST = 32_000
"""SQLite takes 32,766 parameters in a question."""
_LOCATION = re.compile(r"/([._-]*[A-Za-z0-9][A-Za-z0-9._-]*/)+").fullmatch
_DATABASES = ("sqlite", "postgres", "postgresql")


class Misconfigured(Exception):
    """An operator must set something right before anything starts; the text says what.

    No client ever hears of it, so it is not of the tree in `domain.errors`.
    """


class Config(BaseSettings):
    """What an operator may choose. Each field is an environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="SYMDEPOT_",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path("data")
    """Where everything lies that no other setting puts elsewhere."""

    database_url: str = ""
    """Where rows live; empty means an SQLite file in the data folder."""

    blob_url: str = ""
    """Where bytes live; empty means the folder `blobs` in the data folder."""

    task_backend: str = "django_tasks_db.DatabaseBackend"
    """The engine of the queue: the dotted path of a backend of Django's Tasks API."""

    host: str = "127.0.0.1"
    """The address that the server listens on."""

    port: int = Field(8000, ge=1, le=65535)
    """The port that the server listens on."""

    public_url: str = ""
    """How clients reach this server; empty means `http://127.0.0.1:PORT`."""

    upload_url_prefix: str = ""
    """Where chunks are posted, if not to the public URL."""

    relative_upload_urls: bool = True
    """Whether sentry-cli 1.70.1 to 2.29 is told a relative URL to post chunks to."""

    upload_compression: Literal["auto", "gzip", "none"] = "auto"
    """Whether clients are asked to compress chunks; `auto` spares near ones."""

    upload_concurrency: int = Field(8, ge=1, le=16)
    """How many requests a client may send chunks in at once."""

    downloads: Literal["stream", "accel", "redirect"] = "stream"
    """Who sends files: this server, the nginx in front of it, or the bucket."""

    accel_prefix: str = "/.blobs/"
    """Below which path nginx, but nobody else, finds the blobs."""

    download_compression: Literal["auto", "always", "none"] = "auto"
    """Whether files are compressed for clients that ask; `auto` spares near ones."""

    chunk_size: int = Field(32 * _MIB, ge=1024)
    """The size of a chunk in bytes, a power of two."""

    chunks_per_request: int = Field(64, ge=1)
    """How many chunks a client may send in one request."""

    max_request_size: int = Field(32 * _MIB, ge=1024)
    """How many bytes of chunks, uncompressed, a client may send in one request."""

    max_file_size: int = Field(4096 * _MIB, ge=1)
    """The largest file, in bytes, that is taken."""

    max_files_per_assemble: int = Field(20_000, ge=1, le=_MOST_IN_A_LIST)
    """How many files one assemble request may name."""

    max_chunks_per_file: int = Field(20_000, ge=1, le=_MOST_IN_A_LIST)
    """How many chunks one file may be made of."""

    max_assemble_body: int = Field(64 * _MIB, ge=1024)
    """How large the body of an assemble request may be, in bytes."""

    assemble_wait: float = Field(5.0, ge=0, le=60)
    """How many seconds an assemble request waits for files to be finished."""

    lease: float = Field(15.0, ge=1)
    """After how many seconds of silence a worker's file is given to another."""

    max_attempts: int = Field(5, ge=1)
    """How often a file is tried that takes its worker down with it."""

    keep_superseded: float = Field(30.0, ge=0)
    """After how many days a debug file goes that newer ones made redundant."""

    keep_unassembled: float = Field(24.0, gt=0)
    """After how many hours a chunk goes that is in no file."""

    keep_history: float = Field(30.0, ge=0)
    """After how many days a failed upload is no longer told of."""

    orphan_grace: float = Field(24.0, gt=0)
    """For how many hours a blob is left alone that nothing refers to."""

    gc_interval: float = Field(24.0, ge=0)
    """Every how many hours what nobody needs is cleared away; 0 is never."""

    symcaches: bool = True
    """Whether debug files are made ready for looking addresses up here."""

    symcache_retry: float = Field(86_400, ge=1)
    """After how many seconds a symcache that could not be made may be tried again."""

    symcache_disk: int = Field(10 * 1024 * _MIB, ge=_MIB)
    """How many bytes of symcaches are kept at hand on this machine's disk."""

    symbolications_per_minute: int = Field(600, ge=0)
    """How often a minute each token may have addresses looked up; 0 is no limit."""

    web_workers: int = Field(2, ge=1)
    """How many processes answer requests."""

    web_threads: int = Field(64, ge=1)
    """How many requests each of them answers at once."""

    workers: int = Field(2, ge=0)
    """How many background workers `symdepot serve` starts."""

    worker_poll: float = Field(0.1, gt=0, le=10)
    """How many seconds an idle worker sleeps before it looks for work again."""

    webhook_private_addresses: bool = False
    """Whether webhooks may be told at addresses that are not public."""

    secret_key: str = ""
    """What Django signs with; empty means a random one, kept in the data folder."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much is logged."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """How it is logged; `auto` is text on a terminal and JSON elsewhere."""

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
        if url and url.partition(":")[0] not in _DATABASES:
            raise ValueError("it should begin with sqlite:// or postgres://")
        if url:
            dj_database_url.parse(url)
        return url

    @field_validator("public_url")
    @classmethod
    def _is_a_root(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("it should be http:// or https:// and a host")
        if parts.path.strip("/") or parts.query or parts.fragment:
            # Source: spec/sentry-cli A0, "not on URL root".
            raise ValueError(
                "sentry-cli takes no URL with a path; use a host of its own"
            )
        return url

    @field_validator("accel_prefix")
    @classmethod
    def _is_a_location(cls, prefix: str) -> str:
        if not _LOCATION(prefix):
            raise ValueError("it should be a path between two slashes, as in /.blobs/")
        return prefix

    @field_validator("chunk_size")
    @classmethod
    def _is_a_power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError("it should be a power of two")
        return size

    @model_validator(mode="after")
    def _takes_a_whole_chunk(self) -> Self:
        if self.max_request_size < self.chunk_size:
            raise ValueError(
                f"{PREFIX}MAX_REQUEST_SIZE ({self.max_request_size}) is less than "
                f"{PREFIX}CHUNK_SIZE ({self.chunk_size}), so no whole chunk would pass"
            )
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return (init_settings, env_settings, *_from_file(settings_cls))


def override_settings(**values: object) -> None:
    """Let `values` win over the environment, in child processes too; None wins nothing.

    Works until the settings are read, which is once.
    """
    for name, value in values.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)


def name_django_settings() -> None:
    """Tell Django, and child processes, which settings to use."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "symdepot.server.settings"


def unknown_variables() -> list[str]:
    """Return the variables that look like settings of ours and are none."""
    known = {PREFIX + name.upper() for name in Config.model_fields} | {_FILE}
    return sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX) and name.upper() not in known
    )


def config_file() -> str | None:
    """Return the file that settings are read from, if one is named."""
    return os.environ.get(_FILE)


def _from_file(settings_cls: type[BaseSettings]) -> list[PydanticBaseSettingsSource]:
    file = config_file()
    if not file:
        return []
    try:
        return [TomlConfigSettingsSource(settings_cls, _existing(Path(file)))]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"{_FILE} names {file}: {error}.") from error


def _existing(file: Path) -> Path:
    # pydantic-settings passes over a file that is not there.
    file.stat()
    return file


_MAY_HOLD_SECRETS = {"database_url", "blob_url", "secret_key"}


def explain_errors(error: ValidationError) -> str:
    """Say which settings are wrong, and what is wrong with each."""
    return "\n".join(
        _explained(
            ".".join(str(part) for part in fault["loc"]), fault["msg"], fault["input"]
        )
        for fault in error.errors(include_url=False, include_context=False)
    )


def _explained(setting: str, fault: str, value: object) -> str:
    text = fault.removeprefix("Value error, ").rstrip(".") + "."
    variable = PREFIX + setting.upper()
    if not setting:
        return text
    if setting not in Config.model_fields:
        return f"{setting!r} in {config_file()} is not a setting."
    if setting in _MAY_HOLD_SECRETS:
        return f"{variable}: {text}"
    return f"{variable} is {value!r}: {text}"
