"""A running server records missing ids and delivers webhooks."""

import json
import sqlite3
import time
import urllib.request
from contextlib import closing

import psycopg
import pytest
from tests.installations import Installation, RunningServer, eventually
from tests.pipeline.consumer import listening

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.both_databases]

PROJECT = "/api/0/projects/default/default"
ID = "dfb8e43a-f242-3d73-a453-aeb6a777ef75"


def call(server: RunningServer, path: str, *, method: str = "GET") -> None:
    request = urllib.request.Request(  # noqa: S310 -- our own server
        f"{server.url}{PROJECT}/{path}",
        headers={
            "Authorization": f"Bearer {server.token}",
            "User-Agent": "symbolicator/26.1",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200


def wanted(installation: Installation) -> list[tuple[str, int, str]]:
    result = installation.run("wanted", "default/default", "--json")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return [(row["debugId"], row["count"], row["askedBy"]) for row in rows]


def test_missing_ids_are_written_when_the_server_stops(
    installation: Installation,
) -> None:
    with installation.serving("--workers", "0") as server:
        for _ in range(3):
            call(server, f"files/dsyms/?debug_id={ID}")
        assert server.stop() == 0

    (row,) = wanted(installation)
    assert row[:2] == (ID, 3)
    assert row[2].startswith("first start …")
    assert row[2].endswith(" (symbolicator/26.1)")


def test_missing_ids_are_written_while_the_server_runs(
    installation: Installation,
) -> None:
    with installation.serving("--workers", "0") as server:
        call(server, f"files/dsyms/?debug_id={ID}")

        assert eventually(lambda: wanted(installation))


def test_a_webhook_is_delivered_within_seconds(
    installation: Installation,
) -> None:
    installation.settings["WEBHOOK_PRIVATE_ADDRESSES"] = "true"
    with listening() as consumer, installation.serving() as server:
        added = installation.run("webhook", "add", "default/default", consumer.url())
        assert added.stdout.startswith("whsec_"), added.stderr

        call(server, "reprocessing/", method="POST")

        assert eventually(lambda: consumer.received)
        listed = installation.run("webhook", "list", "default/default").stdout
        assert eventually(
            lambda: (
                "received revision 1 of 1: up to date"
                in installation.run("webhook", "list", "default/default").stdout
            )
        ), listed
        assert len(consumer.received) == 1
    payload = json.loads(consumer.received[0].body)
    assert (payload["organization"], payload["project"]) == ("default", "default")


def test_a_delivery_of_a_killed_worker_is_repeated_after_its_lease(
    installation: Installation,
) -> None:
    installation.settings["WEBHOOK_PRIVATE_ADDRESSES"] = "true"
    with (
        listening() as consumer,
        installation.serving("--workers", "1") as server,
    ):
        consumer.answers = [lambda _: time.sleep(3)]
        installation.run("webhook", "add", "default/default", consumer.url())
        call(server, "reprocessing/", method="POST")
        assert eventually(lambda: consumer.received)

        server.workers()[0].kill()
        end_all_turns(installation)

        assert eventually(lambda: len(consumer.received) == 2)
        assert eventually(
            lambda: (
                "received revision 1 of 1: up to date"
                in installation.run("webhook", "list", "default/default").stdout
            )
        )
    first, second = consumer.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def end_all_turns(installation: Installation) -> None:
    """Let it be later."""
    statement = "UPDATE projects_webhook SET next_attempt_at = '2000-01-01 00:00:00'"
    url = installation.database_url
    if url.startswith("postgres"):
        with psycopg.connect(url) as postgres:
            postgres.execute(statement)
    else:
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=10)) as sqlite, sqlite:
            sqlite.execute(statement)
