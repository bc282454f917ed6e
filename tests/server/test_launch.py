"""`symdepot serve`, `worker` and `doctor` as processes."""

import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests import environment
from tests.installations import SYMDEPOT, Installation, RunningServer, eventually


@pytest.mark.both_databases
@pytest.mark.server
def test_only_the_first_start_prints_a_token(
    installation: Installation,
) -> None:
    with installation.serving("--workers", "0") as first:
        first_said = first.greeting
        port = first.port
    with installation.serving("--workers", "0") as second:
        second_said = second.greeting

    assert re.search(
        rf"^export SENTRY_URL=http://127\.0\.0\.1:{port}\n"
        r"export SENTRY_PROJECT=default\n"
        r"export SENTRY_AUTH_TOKEN=sntrys_\S+\n"
        r"\n"
        r"sentry-cli debug-files upload PATH$",
        first_said,
        re.MULTILINE,
    )
    assert "SENTRY_AUTH_TOKEN" not in second_said
    assert "symdepot token create --data-dir" in second_said


@pytest.mark.server
def test_doctor_passes_all_checks_of_a_running_server(
    server: RunningServer, server_installation: Installation
) -> None:
    result = server_installation.run("doctor", "--public-url", server.url)

    assert result.returncode == 0, result.stdout
    assert re.findall(r"^✓ (\w+): ", result.stdout, re.MULTILINE) == [
        "configuration",
        "database",
        "storage",
        "chunks",
        "clock",
        "sandbox",
        "server",
        "worker",
        "upload",
    ]


@pytest.mark.server
def test_doctor_reports_failures_when_nothing_runs(
    installation: Installation,
) -> None:
    installation.settings.update(PROT=8000, PORT=environment.free_port())

    result = installation.run("doctor")

    marks = dict(re.findall(r"^(\S) (\w+): .*$", result.stdout, re.MULTILINE))
    subjects = {
        m: re.findall(rf"^{m} (\w+):", result.stdout, re.MULTILINE) for m in marks
    }
    assert result.returncode == 1
    assert subjects == {
        "✗": ["configuration", "database", "server"],
        "✓": ["sandbox"],
        "-": ["storage", "chunks", "clock", "worker", "upload"],
    }
    assert "SYMDEPOT_PROT: there is no such setting" in result.stdout
    assert "Start `symdepot serve`" in result.stdout


@pytest.mark.both_databases
@pytest.mark.server
def test_only_one_of_several_concurrent_starts_gets_the_token(
    installation: Installation,
) -> None:
    starting = (
        "from symdepot.server.setup import setup; setup(); "
        "from symdepot.projects import organizations; print(organizations.create_defaults())"
    )

    def start(_: int) -> str:
        return subprocess.check_output(  # noqa: S603 -- our own program
            [sys.executable, "-c", starting], env=installation.environment, text=True
        ).strip()

    with ThreadPoolExecutor(4) as starters:
        result = list(starters.map(start, range(4)))

    assert sorted(line.split("_")[0] for line in result) == ["None"] * 3 + ["sntrys"]


@pytest.mark.slow
def test_a_taken_port_is_reported(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = installation.run("serve", "--port", str(port))

    assert result.returncode == 1
    assert result.stderr == (
        f"Port {port} on 127.0.0.1 is taken, perhaps by a symdepot that runs already. "
        "Stop that, or choose another port with --port or SYMDEPOT_PORT.\n"
    )


@pytest.mark.slow
def test_an_address_of_another_machine_is_reported(installation: Installation) -> None:
    result = installation.run("serve", "--host", "192.0.2.1")

    assert result.returncode == 1
    assert result.stderr == (
        "SYMDEPOT_HOST is '192.0.2.1', which is no address of this machine.\n"
    )


@pytest.mark.server
def test_a_worker_runs_tasks_without_a_server(
    installation: Installation,
) -> None:
    worker = subprocess.Popen(  # noqa: S603 -- our own program
        [*SYMDEPOT, "worker"], env=installation.environment
    )
    try:
        installation.settings["PORT"] = environment.free_port()
        result = eventually(
            lambda: (
                out
                if "✓ upload" in (out := installation.run("doctor").stdout)
                else None
            ),
            within_seconds=60,
        )
    finally:
        worker.terminate()

    assert result is not None
    assert "✓ worker" in result
    assert worker.wait(15) == 0
