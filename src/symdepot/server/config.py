"""The settings, and messages about wrong ones.

Settings are read once, from environment variables named `SYMDEPOT_…` and, below them,
from the TOML file that `SYMDEPOT_CONFIG` names. `docs/configuration.md` has a heading for
each.
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

from symdepot.domain import http_urls

PREFIX = "SYMDEPOT_"
_CONFIG_VARIABLE = f"{PREFIX}CONFIG"
_MIB = 1024 * 1024
_MAX_LIST_LENGTH = 32_000
"""SQLite accepts 32,766 parameters in a statement."""
_LOCATION = re.compile(r"/([._-]*[A-Za-z0-9][A-Za-z0-9._-]*/)+").fullmatch
_DATABASES = ("sqlite", "postgres", "postgresql")
_MAY_HOLD_SECRETS = {"database_url", "blob_url", "secret_key"}


class Misconfigured(Exception):
    """The operator must correct something before anything starts; the text says what.

    Never shown to a client, so it is not one of `domain.errors`.
    """


class Config(BaseSettings):
    """The settings. Each field is an environment variable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path("data")
    """The folder for everything that no other setting puts elsewhere."""

    database_url: str = ""
    """The database; empty means an SQLite file in the data folder."""

    blob_url: str = ""
    """The blob store; empty means the folder `blobs` in the data folder."""

    task_backend: str = "django_tasks_db.DatabaseBackend"
    """The task queue: the dotted path of a backend of Django's Tasks API."""

    host: str = "127.0.0.1"
    """The address that the server listens on."""

    port: int = Field(8000, ge=1, le=65535)
    """The port that the server listens on."""

    public_url: str = ""
    """The URL by which clients reach the server; empty means `http://127.0.0.1:PORT`."""

    upload_url_prefix: str = ""
    """The URL to which clients post chunks, if not the public URL."""

    relative_upload_urls: bool = True
    """Whether sentry-cli 1.70.1 to 2.29 gets a relative URL for posting chunks."""

    upload_compression: Literal["auto", "gzip", "none"] = "auto"
    """Whether clients should compress chunks; `auto`: not on private networks."""

    upload_concurrency: int = Field(8, ge=1, le=16)
    """How many upload requests one client may send at once."""

    downloads: Literal["stream", "accel", "redirect"] = "stream"
    """What sends files: this server, the nginx in front of it, or the bucket."""

    accel_prefix: str = "/.blobs/"
    """The path of the internal location of nginx that serves the blobs."""

    download_compression: Literal["auto", "always", "none"] = "auto"
    """Whether downloads are compressed; `auto`: not on private networks."""

    chunk_size: int = Field(32 * _MIB, ge=1024)
    """The size of a chunk in bytes, a power of two."""

    chunks_per_request: int = Field(64, ge=1)
    """How many chunks a client may send in one request."""

    max_request_size: int = Field(32 * _MIB, ge=1024)
    """How many bytes of chunks, uncompressed, a client may send in one request."""

    max_file_size: int = Field(4096 * _MIB, ge=1)
    """The size of the largest file that is accepted, in bytes."""

    max_files_per_assemble: int = Field(20_000, ge=1, le=_MAX_LIST_LENGTH)
    """How many files one assemble request may name."""

    max_chunks_per_file: int = Field(20_000, ge=1, le=_MAX_LIST_LENGTH)
    """How many chunks one file may have."""

    max_assemble_body: int = Field(64 * _MIB, ge=1024)
    """The size of the largest body of an assemble request, in bytes."""

    assemble_wait: float = Field(5.0, ge=0, le=60)
    """How many seconds an assemble request waits for files to be finished."""

    lease: float = Field(15.0, ge=1)
    """How many seconds a lease on a file lasts if its worker does not renew it."""

    max_attempts: int = Field(5, ge=1)
    """How often a file that crashes its worker is tried."""

    keep_superseded: float = Field(30.0, ge=0)
    """How many days superseded debug files are kept."""

    keep_unassembled: float = Field(24.0, gt=0)
    """How many hours a chunk that belongs to no file is kept."""

    keep_history: float = Field(30.0, ge=0)
    """How many days failed uploads are reported."""

    orphan_grace: float = Field(24.0, gt=0)
    """How many hours old a blob is before it can count as an orphan."""

    gc_interval: float = Field(24.0, ge=0)
    """Every how many hours garbage is collected; 0 is never."""

    verify_days: float = Field(7.0, gt=0)
    """After how many days stored bytes are read and hashed again before they are served."""

    verify_rate: int = Field(8 * _MIB, ge=0)
    """How many stored bytes a second are verified in the background; 0 is none."""

    symcaches: bool = True
    """Whether symcaches are created, for address lookup on this server."""

    symcache_retry: float = Field(86_400, ge=1)
    """After how many seconds a symcache that failed may be tried again."""

    symcache_disk: int = Field(10 * 1024 * _MIB, ge=_MIB)
    """How many bytes of symcaches are cached on this machine's disk."""

    symbolications_per_minute: int = Field(600, ge=0)
    """How many symbolication requests a minute each token may make; 0 is no limit."""

    web_workers: int = Field(2, ge=1)
    """How many processes answer requests."""

    web_threads: int = Field(64, ge=1)
    """How many requests each web process answers at once."""

    workers: int = Field(2, ge=0)
    """How many background workers `symdepot serve` starts."""

    worker_poll: float = Field(0.1, gt=0, le=10)
    """How many seconds an idle worker sleeps between two looks at the queue."""

    webhook_private_addresses: bool = False
    """Whether webhooks may be delivered to addresses that are not public."""

    secret_key: str = ""
    """The key that Django signs with; empty means a random one in the data folder."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The lowest level that is logged."""

    log_format: Literal["auto", "json", "text"] = "auto"
    """The format of log lines; `auto` is text on a terminal and JSON elsewhere."""

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: str) -> str:
        if url and url.partition(":")[0] not in _DATABASES:
            raise ValueError("it should begin with sqlite:// or postgres://")
        if url:
            http_urls.check_port(urlsplit(url))
            dj_database_url.parse(url)
        return url

    @field_validator("upload_url_prefix")
    @classmethod
    def _check_upload_url_prefix(cls, url: str) -> str:
        if url:
            http_urls.split_http_url(url)
        return url

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        if not url:
            return url
        parts = http_urls.split_http_url(url)
        if parts.path.strip("/") or parts.query or parts.fragment:
            # Source: spec/sentry-cli A0, "not on URL root".
            raise ValueError(
                "sentry-cli takes no URL with a path; use a host of its own"
            )
        return url

    @field_validator("accel_prefix")
    @classmethod
    def _check_accel_prefix(cls, prefix: str) -> str:
        if not _LOCATION(prefix):
            raise ValueError("it should be a path between two slashes, as in /.blobs/")
        return prefix

    @field_validator("chunk_size")
    @classmethod
    def _check_chunk_size(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError("it should be a power of two")
        return size

    @model_validator(mode="after")
    def _check_request_size(self) -> Self:
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
        """Give the environment precedence over the file."""
        return (init_settings, env_settings, *_file_source(settings_cls))


def override_settings(**values: object) -> None:
    """Put `values` over the environment, for child processes too; None is skipped.

    Works until the settings are read, which is once.
    """
    for name, value in values.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)


def name_django_settings() -> None:
    """Set the variable by which Django, and child processes, find their settings."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "symdepot.server.settings"


def unknown_variables() -> list[str]:
    """Return the environment variables `SYMDEPOT_…` that are no settings."""
    known = {PREFIX + name.upper() for name in Config.model_fields}
    return sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX) and name.upper() not in {*known, _CONFIG_VARIABLE}
    )


def explain_errors(error: ValidationError) -> str:
    """Return a message to the operator: one line per wrong setting.

    Values of settings that may hold secrets are left out.
    """
    return "\n".join(
        _explain(".".join(map(str, found["loc"])), found["msg"], found["input"])
        for found in error.errors(include_url=False, include_context=False)
    )


def _file_source(settings_cls: type[BaseSettings]) -> list[PydanticBaseSettingsSource]:
    name = os.environ.get(_CONFIG_VARIABLE)
    if not name:
        return []
    try:
        file = Path(name)
        file.stat()  # pydantic-settings ignores a missing file
        return [TomlConfigSettingsSource(settings_cls, file)]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"{_CONFIG_VARIABLE} names {name}: {error}.") from error


def _explain(setting: str, message: str, value: object) -> str:
    text = message.removeprefix("Value error, ").rstrip(".") + "."
    variable = PREFIX + setting.upper()
    if not setting:
        return text
    if setting not in Config.model_fields:
        return f"{setting!r} in {os.environ.get(_CONFIG_VARIABLE)} is not a setting."
    if setting in _MAY_HOLD_SECRETS:
        return f"{variable}: {text}"
    return f"{variable} is {value!r}: {text}"
