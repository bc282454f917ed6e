"""Sources are read from the bundles that clients make."""

from pathlib import Path

import pytest
from tests.clients import builds
from tests.clients.sentry_cli import SentryCli

from symdepot.domain.formats import source_bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_sources_in_a_bundle_are_found_by_their_paths(
    cli: SentryCli, tmp_path: Path
) -> None:
    path = builds.compiled(tmp_path)
    code = tmp_path / "hello.c"

    ended = cli.run("debug-files", "bundle-sources", path)

    assert ended.exit_code == 0, ended
    with source_bundle.open_bundle(tmp_path / "hello.src.zip") as sources:
        assert sources.source(str(code)) == code.read_text()
        roundabout = f"{tmp_path}//x/../{code.name}"
        assert sources.source(roundabout) == code.read_text()
