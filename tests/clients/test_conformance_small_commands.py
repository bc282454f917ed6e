"""The small commands of the client, and the releases that old ones give mappings."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.clients.depot import Depot
from tests.clients.sentry_cli import RunResult, SentryCli
from tests.clients.wire import Wire

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

MAPPING = """\
com.example.Game{marker} -> a.a:
    int score -> b
    1:4:void run():16:19 -> c
"""
READS_ORGANIZATION_TOKENS = (2, 20, 0)
SAYS_WHAT_WAS_WRONG = (2, 50, 0)
STORES_THE_ADDRESS = (3, 6, 2)
SENDS_MAPPINGS_IN_CHUNKS = (3, 0, 0)
MOST_BYTES_SAID = "20000"
LOGIN_SECONDS = "20"
MANY_PROJECTS = 230
_FOUND_MANY = f"""
import django
django.setup()
from symdepot.projects.models import Organization, Project
crowd = Organization.objects.create(slug="crowd")
Project.objects.bulk_create(
    Project(organization=crowd, slug=f"p{{n:03}}") for n in range({MANY_PROJECTS})
)
"""


@pytest.fixture
def version() -> str:
    """A version that no other test has."""
    return f"com.example@{uuid.uuid4().hex}+7"


@pytest.fixture(scope="session")
def crowd(depot: Depot) -> Wire:
    """An organization that has more projects than go on two pages."""
    settings = {"DJANGO_SETTINGS_MODULE": "symdepot.server.settings"}
    subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", _FOUND_MANY],
        env={**depot.environment, **settings},
        check=True,
        timeout=60,
    )
    token = depot.told("token", "create", "crowd").strip()
    return replace(depot.wire, organization="crowd", project="p000", token=token)


def cells(ended: RunResult) -> list[list[str]]:
    """Return the rows of the table that the client printed, below its head."""
    rows = [line for line in ended.lines if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def path_of(wire: Wire, version: str) -> str:
    escaped = version.replace("@", "%40").replace("+", "%2B")
    return f"/api/0/organizations/{wire.organization}/releases/{escaped}/"


def a_mapping(folder: Path) -> tuple[Path, str]:
    """Write a mapping that no other test has; return where, and its id."""
    marker = uuid.uuid4()
    path = folder / "mapping.txt"
    path.write_text(MAPPING.format(marker=marker.hex))
    return path, str(marker)


@pytest.mark.conformance(20)
def test_info_lists_the_scopes_of_the_token(client: SentryCli, depot: Depot) -> None:
    ended = client.run("info")

    assert ended.exit_code == 0
    assert ended.lines[-5:] == [
        "Scopes:",
        *("- org:ci", "- project:read", "- project:releases", "- project:write"),
    ]


@pytest.mark.all_versions
@pytest.mark.conformance(20)
def test_info_reports_an_invalid_token(client: SentryCli) -> None:
    wrong = {**client.settings, "SENTRY_AUTH_TOKEN": "0123456789abcdef" * 4}

    ended = client.configured(**wrong).run("info")

    assert ended.exit_code == 1
    if client.number >= SAYS_WHAT_WAS_WRONG:
        told = "This token is unknown, revoked or expired. (http status: 401)"
        assert told in ended.reported
    else:
        told = "(failure on authentication: API request failed)"
        assert ended.lines[-1] == told


@pytest.mark.all_versions
@pytest.mark.conformance(20)
def test_login_stores_the_token(cli: SentryCli, depot: Depot, tmp_path: Path) -> None:
    # A client that is told that it is being tested does not log in, and one that
    # finds no more input asks for ever.
    done = subprocess.run(  # noqa: S603 -- a client whose hash is locked
        [
            *("/bin/sh", "-c", '"$0" "$@" 2>&1 | head -c ' + MOST_BYTES_SAID),
            *("/usr/bin/timeout", LOGIN_SECONDS, cli.program, "login", "--global"),
        ],
        input=f"n\n{depot.wire.token}\n",
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "SENTRY_URL": depot.url,
            "SENTRY_DISABLE_UPDATE_CHECK": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    stored = (tmp_path / ".sentryclirc").read_text().split()
    assert f"token={depot.wire.token}" in stored
    assert (f"url={depot.url}" in stored) == (cli.number >= STORES_THE_ADDRESS)
    knows_organizations = cli.number >= READS_ORGANIZATION_TOKENS
    assert ("Valid org token" in done.stdout) == knows_organizations
    assert ("Valid token for user tests …" in done.stdout) == (not knows_organizations)


@pytest.mark.conformance(20)
def test_organizations_are_listed(client: SentryCli, depot: Depot) -> None:
    ended = client.run("organizations", "list")

    assert ended.exit_code == 0
    ((number, name, slug, *_),) = cells(ended)
    assert (name, slug) == ("default", "default")
    assert number == str(
        depot.database.value(
            "SELECT id FROM projects_organization WHERE slug = 'default'"
        )
    )


@pytest.mark.all_versions
@pytest.mark.conformance(20)
@pytest.mark.parametrize("numeric", [False, True])
def test_many_projects_are_listed_completely(
    cli: SentryCli, depot: Depot, crowd: Wire, *, numeric: bool
) -> None:
    client = replace(depot, wire=crowd).client(cli)
    if numeric and cli.number < READS_ORGANIZATION_TOKENS:
        # To newer ones the token says which organization is meant, in words.
        number = depot.database.value(
            "SELECT id FROM projects_organization WHERE slug = 'crowd'"
        )
        client = client.configured(**{**client.settings, "SENTRY_ORG": str(number)})

    ended = client.run("projects", "list")

    assert ended.exit_code == 0
    assert [row[1] for row in cells(ended)] == [
        f"p{n:03}" for n in range(MANY_PROJECTS)
    ]


@pytest.mark.conformance(20)
def test_a_release_is_created_and_shown(
    client: SentryCli, depot: Depot, version: str
) -> None:
    made = client.run("releases", "new", "--url", "https://example.com/", version)
    listed = client.run("releases", "list")
    told = client.run("releases", "info", "--show-projects", "--show-commits", version)

    assert (made.exit_code, made.lines) == (0, [f"Created release {version}"])
    assert (listed.exit_code, cells(listed)[0]) == (
        0,
        ["(unreleased)", version, "0", "-"],
    )
    assert (told.exit_code, cells(told)[0][0]) == (0, version)
    assert cells(told)[0][2:] == ["default", "-"]
    answer = depot.wire.ask("GET", path_of(depot.wire, version)).json()
    assert answer["url"] == "https://example.com/"


@pytest.mark.conformance(20)
def test_a_release_is_finalized_archived_restored_and_deleted(
    client: SentryCli, depot: Depot, version: str
) -> None:
    path = path_of(depot.wire, version)

    def seen() -> tuple[str, bool]:
        told = depot.wire.ask("GET", path).json()
        return told["status"], told["dateReleased"] is not None

    def steps() -> Iterator[tuple[list[str], tuple[str, bool]]]:
        for command in ("new", "finalize", "archive", "restore"):
            ended = client.run("releases", command, version)
            assert ended.exit_code == 0, ended
            yield ended.lines, seen()

    assert list(steps()) == [
        ([f"Created release {version}"], ("open", False)),
        ([f"Finalized release {version}"], ("open", True)),
        ([f"Archived release {version}"], ("archived", True)),
        ([f"Restored release {version}"], ("open", True)),
    ]
    deleted = client.run("releases", "delete", version)
    again = client.run("releases", "delete", version)
    gone = client.run("releases", "info", version)
    assert (deleted.exit_code, deleted.lines) == (0, [f"Deleted release {version}!"])
    assert (again.exit_code, "Did nothing" in again.stdout) == (0, True)
    assert gone.exit_code == 1
    assert depot.wire.ask("GET", path).status == 404


@pytest.mark.conformance(20)
def test_creating_a_release_twice_succeeds(
    client: SentryCli, depot: Depot, version: str
) -> None:
    client.run("releases", "new", version)

    ended = client.run("releases", "new", "--finalize", version)

    assert (ended.exit_code, ended.lines) == (0, [f"Created release {version}"])
    told = depot.wire.ask("GET", path_of(depot.wire, version)).json()
    assert told["dateReleased"] is not None


@pytest.mark.conformance(19)
def test_a_release_is_created_in_a_project_by_number(
    client: SentryCli, depot: Depot, version: str
) -> None:
    number = depot.database.value(
        "SELECT id FROM projects_project WHERE slug = 'default'"
    )
    settings = {**client.settings, "SENTRY_PROJECT": str(number)}

    ended = client.configured(**settings).run("releases", "new", version)

    assert ended.exit_code == 0
    told = depot.wire.ask("GET", path_of(depot.wire, version)).json()
    assert [project["slug"] for project in told["projects"]] == ["default"]


@pytest.mark.conformance(16)
def test_creating_a_release_elsewhere_is_refused(
    client: SentryCli, version: str
) -> None:
    settings = {**client.settings, "SENTRY_PROJECT": "nowhere"}

    ended = client.configured(**settings).run("releases", "new", version)

    assert (ended.exit_code, ended.lines) == (1, [])
    assert "nowhere" in ended.reported or "project not found" in ended.reported.lower()


@pytest.mark.conformance(20)
def test_deploys_are_refused_with_a_message_and_none_are_listed(
    client: SentryCli, version: str
) -> None:
    client.run("releases", "new", version)

    made = client.run("releases", "deploys", version, "new", "-e", "prod")
    listed = client.run("releases", "deploys", version, "list")

    assert made.exit_code == 1
    assert (
        "This server keeps debug files, and no deploys. (http status: 400)"
        in made.reported
    )
    assert (listed.exit_code, listed.lines) == (0, ["No deploys found"])


@pytest.mark.conformance(20)
def test_commits_are_refused_with_a_message(
    client: SentryCli, version: str, tmp_path: Path
) -> None:
    git = ["/usr/bin/git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "One"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)  # noqa: S603 -- git

    ended = replace(client, home=tmp_path).run(
        "releases", "set-commits", "--local", version
    )

    assert ended.exit_code == 1
    assert "This server keeps debug files, and no commits" in ended.reported
    assert "(http status: 400)" in ended.reported


@pytest.mark.conformance(30)
def test_source_maps_are_refused_with_a_message(
    client: SentryCli, version: str, tmp_path: Path
) -> None:
    (tmp_path / "app.js").write_text("var marker = 1;\n")

    ended = client.run("sourcemaps", "upload", "--release", version, tmp_path)

    assert ended.exit_code == 1
    assert (
        "This server keeps debug files, and neither source maps nor other files "
        "of a release. (http status: 403)"
    ) in ended.reported
    assert "panicked" not in ended.reported


@pytest.mark.all_versions
@pytest.mark.conformance(14)
@pytest.mark.parametrize("build", ["7", None])
def test_a_mapping_is_associated_with_the_release_of_its_app(
    client: SentryCli, depot: Depot, tmp_path: Path, build: str | None
) -> None:
    if client.number >= SENDS_MAPPINGS_IN_CHUNKS:
        pytest.skip("this client names no releases with mappings")
    mapping, marker = a_mapping(tmp_path)
    app = f"com.example.a{uuid.uuid4().hex}"
    options = ["--uuid", marker, "--app-id", app, "--version", "1.0"]
    options += ["--version-code", build] if build else []
    release = f"{app}@1.0+{build}" if build else f"{app}@1.0"

    first = client.run("upload-proguard", *options, mapping)
    second = client.run("upload-proguard", *options, mapping)

    assert (first.exit_code, second.exit_code) == (0, 0), (first, second)
    (row,) = depot.wire.files(release=release)
    assert row["debugId"] == marker
    told = depot.wire.ask("GET", path_of(depot.wire, release)).json()
    assert told["debugFileCount"] == 1
    answer = depot.wire.ask(
        "GET",
        f"{depot.wire.files_path}/proguard-artifact-releases?proguard_uuid={marker}",
    )
    assert answer.json() == {"releases": [release]}


@pytest.mark.parametrize("escaped", ["a%2Fb%40{0}%2B7", "a/b@{0}+7"])
def test_a_version_with_slashes_works(depot: Depot, escaped: str) -> None:
    unique = uuid.uuid4().hex
    version, wire = f"a/b@{unique}+7", depot.wire
    releases = f"/api/0/projects/{wire.organization}/{wire.project}/releases/"

    made = wire.ask("POST", releases, json.dumps({"version": version}).encode())
    told = wire.ask("GET", f"{releases}{escaped.format(unique)}/")
    gone = wire.ask("DELETE", f"{releases}{escaped.format(unique)}/")

    assert [answer.status for answer in (made, told, gone)] == [201, 200, 204]
    assert told.json()["version"] == version
