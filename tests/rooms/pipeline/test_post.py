"""A stranger's URL is posted to once, and can neither misuse nor hold us."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms.pipeline.consumer import Consumer, Exchange, listening

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
    """Let every name have these addresses; return which names were asked for."""
    asked: list[str] = []

    def getaddrinfo(
        host: str, port: int, **_: object
    ) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        asked.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", (a, port, 0, 0))
            if ":" in a
            else (socket.AF_INET, 1, 6, "", (a, port))
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_what_is_posted_arrives_whole_and_once(consumer: Consumer) -> None:
    assert post(consumer.url()) is None

    (heard,) = consumer.heard
    assert (heard.path, heard.body) == ("/hook?a=b", b"body")
    assert heard.headers["x-test"] == "yes"
    assert heard.headers["host"] == f"127.0.0.1:{consumer.port}"
    assert heard.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (200, None),
        (204, None),
        (301, "It answered 301, and redirects are not followed."),
        (304, "It answered 304, and redirects are not followed."),
        (404, "It answered 404."),
        (500, "It answered 500."),
    ],
)
def test_only_two_hundred_and_some_is_taken(
    consumer: Consumer, status: int, why: str | None
) -> None:
    consumer.answers = [status]

    assert post(consumer.url()) == why


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(consumer: Consumer, status: int) -> None:
    elsewhere = consumer.url(path="/elsewhere")
    head = f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    consumer.answers = [head.encode()]

    why = post(consumer.url())

    assert why == f"It answered {status}, and redirects are not followed."
    assert [heard.path for heard in consumer.heard] == ["/hook?a=b"]


def test_a_huge_answer_is_not_read(consumer: Consumer) -> None:
    sent: list[int] = []

    def pour(exchange: Exchange) -> None:
        exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            exchange.say(b"x" * 1_000_000)
            sent.append(1_000_000)

    consumer.answers = [pour]
    began_at = time.monotonic()

    assert post(consumer.url()) is None

    assert time.monotonic() - began_at < 1
    time.sleep(0.2)
    assert sum(sent) < 50_000_000


def test_endless_headers_are_refused(consumer: Consumer) -> None:
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
def test_who_answers_slowly_is_cut_off_even_if_bytes_keep_coming(
    consumer: Consumer, first: bytes, drip: bytes
) -> None:
    def trickle(exchange: Exchange) -> None:
        until = time.monotonic() + 3
        exchange.say(first)
        while time.monotonic() < until:
            exchange.say(drip)
            time.sleep(0.05)

    consumer.answers = [trickle]
    began_at = time.monotonic()

    assert post(consumer.url()) == "It took too long."

    assert 0.4 < time.monotonic() - began_at < 2


@pytest.mark.usefixtures("briefly")
def test_who_does_not_accept_is_given_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        lines = [socket.socket() for _ in range(4)]
        for line in lines:
            line.settimeout(0)
            line.connect_ex(("127.0.0.1", port))
        began_at = time.monotonic()

        why = post(f"http://127.0.0.1:{port}/")

        for line in lines:
            line.close()
    assert why == "It took too long."
    assert time.monotonic() - began_at < 2


def test_where_nobody_listens_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    why = post(f"http://127.0.0.1:{port}/")

    assert why == "It cannot be reached: Connection refused."


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/9 oops\r\n\r\n"])
def test_who_speaks_something_else_is_said_so(
    consumer: Consumer, answer: bytes
) -> None:
    consumer.answers = [answer]

    assert post(consumer.url()) == "It does not speak HTTP: BadStatusLine."


def test_who_hangs_up_is_said_so(consumer: Consumer) -> None:
    consumer.answers = [b""]

    why = post(consumer.url())

    assert why is not None
    assert why.startswith("It cannot be reached: ")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 70 + ".invalid"])
def test_a_host_without_an_address_is_said_so(host: str) -> None:
    assert post(f"http://{host}/") == f"The host {host} has no address."


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fc00::1"),
        *("fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:a00:1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::"),
        *("::127.0.0.1", "2001::1"),
    ],
)
def test_an_address_that_is_not_everybody_s_is_not_public(address: str) -> None:
    assert not http_post.is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"],
)
def test_an_address_that_is_everybody_s_is_public(address: str) -> None:
    assert http_post.is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_a_private_address_is_not_connected_to_however_it_is_written(
    consumer: Consumer, host: str
) -> None:
    why = post(consumer.url(host), allow_private=False)

    assert why is not None
    assert "which is not public" in why
    assert "SYMDEPOT_WEBHOOK_PRIVATE_ADDRESSES" in why
    assert consumer.heard == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:10.0.0.1"]]
)
def test_a_name_that_has_one_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer, addresses: list[str]
) -> None:
    resolve_to(monkeypatch, *addresses)

    why = post(consumer.url("consumer.example.com"), allow_private=False)

    assert why is not None
    assert why.startswith("The host consumer.example.com has the address ")
    assert consumer.heard == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer
) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")

    assert post(consumer.url("rebinding.example.com")) is None

    assert asked == ["rebinding.example.com"]
    (heard,) = consumer.heard
    assert heard.headers["host"] == f"rebinding.example.com:{consumer.port}"


def test_of_several_addresses_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch, consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "::1", "127.0.0.1")

    assert post(consumer.url("several.example.com")) is None


def test_no_proxy_comes_between(
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
def test_https_reaches_who_proves_to_be_that_host(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    assert post(secure_consumer.url("good.example.com")) is None

    assert secure_consumer.heard[0].body == b"body"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1"])
def test_https_tells_nothing_to_who_has_another_s_certificate(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer, host: str
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    why = post(secure_consumer.url(host))

    assert why is not None
    assert why.startswith("Its certificate does not hold: ")
    assert "mismatch" in why
    assert secure_consumer.heard == []


def test_https_tells_nothing_to_whom_nobody_vouches_for(
    monkeypatch: pytest.MonkeyPatch, secure_consumer: Consumer
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")

    why = post(secure_consumer.url("good.example.com"))

    assert why is not None
    assert why.startswith("Its certificate does not hold: self-signed certificate")
    assert secure_consumer.heard == []


@pytest.mark.usefixtures("briefly")
def test_who_never_shakes_hands_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        why = post(f"https://127.0.0.1:{silent.getsockname()[1]}/")

    assert why == "It took too long."
