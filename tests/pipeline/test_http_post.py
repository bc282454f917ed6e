"""POST requests of webhooks are limited in time, addresses and what is read."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pipeline.consumer import Consumer, Exchange, listening

from symdepot.pipeline.webhooks import http_post


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    with listening() as running:
        yield running


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_post, "TOTAL_SECONDS", 0.5)
    monkeypatch.setattr(http_post, "CONNECT_SECONDS", 0.5)


def post(url: str, *, allow_private: bool = True) -> str | None:
    return http_post.post(url, b"body", {"X-Test": "yes"}, allow_private=allow_private)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Resolve every name to these addresses. Returns a list of the names."""
    names: list[str] = []

    def getaddrinfo(
        host: str, port: int, **_: object
    ) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        names.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", (a, port, 0, 0))
            if ":" in a
            else (socket.AF_INET, 1, 6, "", (a, port))
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_the_request_has_the_body_and_the_headers(consumer: Consumer) -> None:
    assert post(consumer.url()) is None

    (received,) = consumer.received
    assert (received.path, received.body) == ("/hook?a=b", b"body")
    assert received.headers["x-test"] == "yes"
    assert received.headers["host"] == f"127.0.0.1:{consumer.port}"
    assert received.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (204, None),
        (301, "It answered 301, and redirects are not followed."),
        (304, "It answered 304, and redirects are not followed."),
        (404, "It answered 404."),
        (500, "It answered 500."),
    ],
)
def test_only_statuses_of_2xx_are_a_success(
    consumer: Consumer, status: int, error: str | None
) -> None:
    consumer.answers = [status]

    assert post(consumer.url()) == error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(consumer: Consumer, status: int) -> None:
    elsewhere = consumer.url(path="/elsewhere")
    head = f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    consumer.answers = [head.encode()]

    error = post(consumer.url())

    assert error == f"It answered {status}, and redirects are not followed."
    assert [received.path for received in consumer.received] == ["/hook?a=b"]


def test_the_body_of_a_response_is_not_read(consumer: Consumer) -> None:
    sent: list[int] = []

    def pour(exchange: Exchange) -> None:
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            exchange.write(b"x" * 1_000_000)
            sent.append(1_000_000)

    consumer.answers = [pour]
    started_at = time.monotonic()

    assert post(consumer.url()) is None

    assert time.monotonic() - started_at < 1
    time.sleep(0.2)
    assert sum(sent) < 50_000_000


def test_too_many_headers_are_an_error(consumer: Consumer) -> None:
    consumer.answers = [b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 10_000 + b"\r\n"]

    assert post(consumer.url()) == "It does not speak HTTP: HTTPException."


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Y: ", b"z"),
    ],
)
def test_a_slow_response_is_cut_off_even_if_bytes_keep_coming(
    consumer: Consumer, first: bytes, drip: bytes
) -> None:
    def trickle(exchange: Exchange) -> None:
        end = time.monotonic() + 3
        exchange.write(first)
        while time.monotonic() < end:
            exchange.write(drip)
            time.sleep(0.05)

    consumer.answers = [trickle]
    started_at = time.monotonic()

    assert post(consumer.url()) == "It took too long."

    assert 0.4 < time.monotonic() - started_at < 2


@pytest.mark.usefixtures("briefly")
def test_connecting_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        lines = [socket.socket() for _ in range(4)]
        for line in lines:
            line.settimeout(0)
            line.connect_ex(("127.0.0.1", port))
        started_at = time.monotonic()

        error = post(f"http://127.0.0.1:{port}/")

        for line in lines:
            line.close()
    assert error == "It took too long."
    assert time.monotonic() - started_at < 2


def test_a_refused_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    error = post(f"http://127.0.0.1:{port}/")

    assert error == "It cannot be reached: Connection refused."


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/9 oops\r\n\r\n"])
def test_another_protocol_is_an_error(consumer: Consumer, answer: bytes) -> None:
    consumer.answers = [answer]

    assert post(consumer.url()) == "It does not speak HTTP: BadStatusLine."


def test_a_closed_connection_is_an_error(consumer: Consumer) -> None:
    consumer.answers = [b""]

    error = post(consumer.url())

    assert error is not None
    assert error.startswith("It cannot be reached: ")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 70 + ".invalid"])
def test_a_host_without_an_address_is_an_error(host: str) -> None:
    assert post(f"http://{host}/") == f"The host {host} has no address."


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:99999/", "its port should be a number from 1 to 65535"),
        ("http://127.0.0.1:0/", "its port should be a number from 1 to 65535"),
        ("http://[::1", "it should be http:// or https:// and a host"),
        ("ftp://127.0.0.1/", "it should be http:// or https:// and a host"),
    ],
)
def test_a_stored_url_that_is_not_valid_is_an_error(url: str, fault: str) -> None:
    assert post(url) == f"Its URL is not valid: {fault}."


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_refused_in_any_notation(
    consumer: Consumer, host: str
) -> None:
    error = post(consumer.url(host), allow_private=False)

    assert error is not None
    assert "which is not public" in error
    assert "SYMDEPOT_WEBHOOK_PRIVATE_ADDRESSES" in error
    assert consumer.received == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:10.0.0.1"]]
)
def test_a_host_with_one_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer, addresses: list[str]
) -> None:
    resolve_to(monkeypatch, *addresses)

    error = post(consumer.url("consumer.example.com"), allow_private=False)

    assert error is not None
    assert error.startswith("The host consumer.example.com has the address ")
    assert consumer.received == []


def test_the_host_is_looked_up_only_once(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer
) -> None:
    names = resolve_to(monkeypatch, "127.0.0.1")

    assert post(consumer.url("rebinding.example.com")) is None

    assert names == ["rebinding.example.com"]
    (received,) = consumer.received
    assert received.headers["host"] == f"rebinding.example.com:{consumer.port}"


def test_other_addresses_are_tried_if_the_first_fails(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "::1", "127.0.0.1")

    assert post(consumer.url("several.example.com")) is None


def test_proxy_variables_are_ignored(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")

    assert post(consumer.url()) is None


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for `good.example.com` that its own key has signed."""
    path = tmp_path / "both.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-days 2 -subj /CN=test -addext subjectAltName=DNS:good.example.com"
    )
    subprocess.run(  # noqa: S603 -- to make a certificate of our own
        [*command.split(), "-keyout", str(tmp_path / "key"), "-out", str(path)],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "key").read_text())
    return path


@pytest.fixture
def secure_consumer(certificate: Path) -> Iterator[Consumer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with listening(tls) as running:
        yield running


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("trusted")
def test_https_works_with_a_valid_certificate(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    assert post(secure_consumer.url("good.example.com")) is None

    assert secure_consumer.received[0].body == b"body"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1"])
def test_https_sends_nothing_if_the_certificate_is_for_another_host(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer, host: str
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    error = post(secure_consumer.url(host))

    assert error is not None
    assert error.startswith("Its certificate does not hold: ")
    assert "mismatch" in error
    assert secure_consumer.received == []


def test_https_sends_nothing_if_the_certificate_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    error = post(secure_consumer.url("good.example.com"))

    assert error is not None
    assert error.startswith("Its certificate does not hold: self-signed certificate")
    assert secure_consumer.received == []


@pytest.mark.usefixtures("briefly")
def test_a_tls_handshake_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = post(f"https://127.0.0.1:{silent.getsockname()[1]}/")

    assert error == "It took too long."
