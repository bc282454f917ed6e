"""Django's settings, derived from `Config`, which alone reads the environment."""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import dj_database_url

from symdepot.server import logs
from symdepot.server.config import Config


def _secret_key(data_dir: Path) -> str:
    """Return the key in the file `secret-key`, which is created if missing.

    The file appears at once and whole, so that several processes get the same key.
    """
    file = data_dir / "secret-key"
    if not file.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            with suppress(FileExistsError):
                file.hardlink_to(draft)
        finally:
            draft.unlink()
    return file.read_text()


def _database(url: str) -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if "sqlite" in str(database["ENGINE"]):
        # synchronous=FULL: a commit is on the disk before the response is sent.
        database["CONN_MAX_AGE"] = None
        database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
        # mmap_size: connections share the mapped pages. Without, each has a cache of 2 MB,
        # and a query for 4,096 chunks among a million takes twice as long.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON; PRAGMA mmap_size=1073741824;"
            ),
        }
    else:
        # Requests take connections from a pool; a stalled upload has none.
        # Idle connections are closed, since Postgres allows few of them in all. The
        # backend notices within a second that the server is gone, and `timeout` is how
        # long it waits before it looks. The pool reconnects after pauses that double;
        # `reconnect_timeout` makes it start over soon, since clients retry soon.
        database["ENGINE"] = "symdepot.server.postgres"
        sizes = {"min_size": 0, "max_size": 16}
        seconds = {"max_idle": 5, "timeout": 0.4, "reconnect_timeout": 0.1}
        options = database.setdefault("OPTIONS", {})
        options.setdefault("connect_timeout", 2)
        options["pool"] = sizes | seconds
    return database


CONFIG = Config()

DATA_DIR = CONFIG.data_dir.absolute()
SCRATCH_DIR = DATA_DIR / "scratch"
BLOB_URL = CONFIG.blob_url or (DATA_DIR / "blobs").as_uri()
EXPECTED_STORE_ID = "symdepot.uploads.store_identity.expected_id"
PUBLIC_URL = (CONFIG.public_url or f"http://127.0.0.1:{CONFIG.port}").rstrip("/")
UPLOAD_URL_PREFIX = CONFIG.upload_url_prefix.rstrip("/")
RELATIVE_UPLOAD_URLS = CONFIG.relative_upload_urls
UPLOAD_COMPRESSION = CONFIG.upload_compression
UPLOAD_CONCURRENCY = CONFIG.upload_concurrency
DOWNLOADS = CONFIG.downloads
ACCEL_PREFIX = CONFIG.accel_prefix
DOWNLOAD_COMPRESSION = CONFIG.download_compression
CHUNK_SIZE = CONFIG.chunk_size
CHUNKS_PER_REQUEST = CONFIG.chunks_per_request
MAX_REQUEST_SIZE = CONFIG.max_request_size
MAX_FILE_SIZE = CONFIG.max_file_size
MAX_FILES_PER_ASSEMBLE = CONFIG.max_files_per_assemble
MAX_CHUNKS_PER_FILE = CONFIG.max_chunks_per_file
WEBHOOK_PRIVATE_ADDRESSES = CONFIG.webhook_private_addresses
MAX_NAME_LENGTH = 4096
WANTED_WRITE_SECONDS = 1.0
ASSEMBLE_WAIT_SECONDS = CONFIG.assemble_wait
LEASE_SECONDS = CONFIG.lease
MAX_ATTEMPTS = CONFIG.max_attempts
SYMCACHES = CONFIG.symcaches
SYMCACHE_RETRY_SECONDS = CONFIG.symcache_retry
SYMCACHE_DISK_BYTES = CONFIG.symcache_disk
RATES_FILE = DATA_DIR / "rates"
SYMBOLICATIONS_PER_MINUTE = CONFIG.symbolications_per_minute
COUNTS_DIR = DATA_DIR / "counts"
SYMCACHE_DIR = DATA_DIR / "symcaches"
KEEP_SUPERSEDED_DAYS = CONFIG.keep_superseded
KEEP_UNASSEMBLED_HOURS = CONFIG.keep_unassembled
KEEP_HISTORY_DAYS = CONFIG.keep_history
ORPHAN_GRACE_HOURS = CONFIG.orphan_grace
GC_INTERVAL_HOURS = CONFIG.gc_interval
VERIFY_DAYS = CONFIG.verify_days
VERIFY_BYTES_PER_SECOND = CONFIG.verify_rate

DEBUG = False
SECRET_KEY = CONFIG.secret_key or _secret_key(DATA_DIR)
# URLs are built from PUBLIC_URL; the Host header is not used.
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django_tasks_db",
    "symdepot.jobs",
    "symdepot.projects",
    "symdepot.uploads",
    "symdepot.debugfiles",
    "symdepot.symcaches",
    "symdepot.symbolication",
]
# Sets `X-Content-Type-Options: nosniff`; the other headers are for pages.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "symdepot.protocols.response_length.middleware",
]
SECURE_REFERRER_POLICY = None
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
ROOT_URLCONF = "symdepot.server.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Only the JSON of an assemble request is read into memory by Django; uploads are streamed.
DATA_UPLOAD_MAX_MEMORY_SIZE = CONFIG.max_assemble_body
# One more, so that an upload says itself that it has too many chunks.
DATA_UPLOAD_MAX_NUMBER_FILES = CHUNKS_PER_REQUEST + 1
FILE_UPLOAD_TEMP_DIR = str(SCRATCH_DIR)
with suppress(OSError):  # reported by the startup checks
    SCRATCH_DIR.mkdir(parents=True, exist_ok=True)

TASKS = {"default": {"BACKEND": CONFIG.task_backend, "QUEUES": []}}
LOGGING_CONFIG = None
logs.configure(level=CONFIG.log_level, style=CONFIG.log_format)
DATABASES = {
    "default": _database(CONFIG.database_url or f"sqlite:///{DATA_DIR}/symdepot.db")
}
