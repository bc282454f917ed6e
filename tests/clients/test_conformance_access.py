"""Who may upload where, and what the client tells those who may not."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.clients import builds
from tests.clients.depot import Depot
from tests.clients.sentry_cli import SentryCli
from tests.clients.wire import Wire

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

READS_ORGANIZATION_TOKENS = (2, 20, 0)
LETS_THE_TOKEN_WIN = (2, 42, 0)
INSISTS_ON_A_TOKEN = (2, 29, 0)
SAYS_IT_AT_LENGTH = (2, 50, 0)


@pytest.fixture(scope="session")
def second(depot: Depot) -> Wire:
    """Another project of the organization, with a token for it alone."""
    project = depot.of_project("second")
    organization = depot.wire.organization
    token = depot.told("token", "create", organization, "--project", "second")
    return replace(project, token=token.strip())


@pytest.mark.all_versions
@pytest.mark.conformance(18)
def test_an_organization_token_is_enough_configuration(
    cli: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    client = cli.configured(
        SENTRY_PROJECT=depot.wire.project, SENTRY_AUTH_TOKEN=depot.wire.token
    )

    ended = client.upload(path)

    if cli.number >= READS_ORGANIZATION_TOKENS:
        assert ended.exit_code == 0
        assert ended.lines[-1].startswith(f"OK {builds.debug_id(path)} (hello; ")
    else:
        assert ended.exit_code == 1
        assert "An organization slug is required" in ended.reported


@pytest.mark.conformance(16)
def test_an_invalid_token_is_reported(client: SentryCli, tmp_path: Path) -> None:
    token = client.settings["SENTRY_AUTH_TOKEN"]
    wrong = token[:-8] + ("A" * 8)
    stranger = client.configured(**{**client.settings, "SENTRY_AUTH_TOKEN": wrong})

    ended = stranger.upload(builds.compiled(tmp_path))

    assert (ended.exit_code, ended.lines) == (1, [])
    assert (
        "sentry reported an error: This token is unknown, revoked or expired. "
        "(http status: 401)"
    ) in ended.reported


@pytest.mark.all_versions
@pytest.mark.conformance(17)
def test_an_upload_without_a_token_is_refused(
    client: SentryCli, tmp_path: Path
) -> None:
    settings = dict(client.settings)
    del settings["SENTRY_AUTH_TOKEN"]

    ended = client.configured(**settings).upload(builds.compiled(tmp_path))

    assert (ended.exit_code, ended.lines) == (1, [])
    if client.number >= INSISTS_ON_A_TOKEN:
        assert "Auth token is required for this request" in ended.reported
    else:
        assert (
            "sentry reported an error: Authentication credentials were not provided: "
            "send a token as 'Authorization: Bearer TOKEN'. (http status: 401)"
        ) in ended.reported


@pytest.mark.all_versions
@pytest.mark.conformance(16)
def test_another_organization_is_refused(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    elsewhere = client.configured(**{**client.settings, "SENTRY_ORG": "elsewhere"})

    ended = elsewhere.upload(builds.compiled(tmp_path))

    if client.number >= LETS_THE_TOKEN_WIN:
        assert ended.exit_code == 0
        assert f"Using organization `{depot.wire.organization}`" in ended.reported
    elif client.number >= READS_ORGANIZATION_TOKENS:
        assert ended.exit_code == 1
        assert "Two different org values supplied" in ended.reported
    else:
        assert ended.exit_code == 1
        assert (
            "sentry reported an error: This token belongs to organization "
            f"'{depot.wire.organization}', not to 'elsewhere'. (http status: 403)"
        ) in ended.reported


@pytest.mark.all_versions
@pytest.mark.conformance(16)
def test_an_unknown_project_is_reported(client: SentryCli, tmp_path: Path) -> None:
    lost = client.configured(**{**client.settings, "SENTRY_PROJECT": "nowhere"})

    ended = lost.upload(builds.compiled(tmp_path))

    assert ended.exit_code == 1
    assert ended.lines == [
        "> Found 1 debug information file",
        "> Prepared debug information file for upload",
    ]
    assert ended.reported.startswith(
        "error: Project not found. Ensure that you configured the correct project "
        "and organization."
        if client.number >= SAYS_IT_AT_LENGTH
        else "error: project not found"
    )


def test_files_of_another_project_are_not_listed(
    client: SentryCli, depot: Depot, second: Wire, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    client.upload(path)
    (found,) = depot.wire.files(debug_id=builds.debug_id(path))

    asked = second.ask("GET", f"{second.files_path}/dsyms/?id={found['id']}")
    ended = client.configured(
        **{**client.settings, "SENTRY_PROJECT": second.project}
    ).upload(path)

    assert asked.status == 404
    assert ended.exit_code == 0
    # The organization owns the bytes, so they need not travel again.
    assert "> Uploaded" not in ended.stdout
    assert list(second.copies(builds.debug_id(path)).values()) == [path.read_bytes()]


@pytest.mark.all_versions
@pytest.mark.conformance(19)
def test_organization_and_project_may_be_numbers(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    rows = depot.database
    numbers = {
        "SENTRY_ORG": rows.value(
            "SELECT id FROM projects_organization WHERE slug = 'default'"
        ),
        "SENTRY_PROJECT": rows.value(
            "SELECT id FROM projects_project WHERE slug = 'default'"
        ),
    }
    if client.number >= READS_ORGANIZATION_TOKENS:
        # The token says which organization is meant, in words.
        del numbers["SENTRY_ORG"]
    path = builds.compiled(tmp_path)

    ended = client.configured(
        **{**client.settings, **{k: str(v) for k, v in numbers.items()}}
    ).upload(path)

    assert ended.exit_code == 0
    assert ended.lines[-1].startswith(f"OK {builds.debug_id(path)} ")


@pytest.mark.conformance(28)
def test_extra_headers_of_clients_are_accepted(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)

    ended = client.run(
        "--header", "User-Agent: ours/1.0", "debug-files", "upload", path
    )

    assert ended.exit_code == 0
    assert ended.lines[-1].startswith(f"OK {builds.debug_id(path)} ")
    asked = depot.wire.ask(
        "GET",
        depot.wire.chunks_path,
        headers=[
            ("Connection", "TE"),
            ("TE", "gzip"),
            ("User-Agent", "sentry-cli/2.58.6"),
            ("User-Agent", "ours/1.0"),
        ],
    )
    assert asked.status == 200
    assert asked.headers.get("transfer-encoding", "chunked") == "chunked"
    assert asked.json()["hashAlgorithm"] == "sha1"


@pytest.mark.all_versions
@pytest.mark.conformance(21)
def test_the_reprocessing_request_of_old_clients_is_accepted(
    client: SentryCli, depot: Depot, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    asks_for_it = client.number <= (2, 32, 1)

    ended = client.run("--log-level=debug", "debug-files", "upload", path)

    assert ended.exit_code == 0
    assert ("/reprocessing/" in ended.reported) == asks_for_it
    assert "reprocessing" not in "".join(ended.lines)
    agreed = depot.wire.ask(
        "POST", depot.wire.files_path.replace("/files", "/reprocessing/"), b""
    )
    assert agreed.status == 200


def test_a_project_token_is_refused_for_another_project(
    client: SentryCli, depot: Depot, second: Wire, tmp_path: Path
) -> None:
    settings = {**client.settings, "SENTRY_AUTH_TOKEN": second.token}

    ended = client.configured(**settings).upload(builds.compiled(tmp_path))

    assert ended.exit_code == 1
    assert "project not found" in ended.reported.lower()
    assert second.ask("GET", f"{depot.wire.files_path}/dsyms/").status == 404


def test_a_project_token_uploads_what_another_project_has(
    newest: SentryCli, depot: Depot, second: Wire, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    assert depot.client(newest).upload(path).exit_code == 0
    own = depot.client(newest).configured(
        SENTRY_PROJECT=second.project, SENTRY_AUTH_TOKEN=second.token
    )

    first, again = own.upload(path), own.upload(path)

    assert (first.exit_code, again.exit_code) == (0, 0)
    # The bytes travel once more, since the token has to prove that it has them.
    assert any("Uploaded 1 missing debug" in line for line in first.lines)
    assert first.lines[-1].startswith(f"OK {builds.debug_id(path)} (hello; ")
    assert not any("Uploaded 1 missing debug" in line for line in again.lines)
