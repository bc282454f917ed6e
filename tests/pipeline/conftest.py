"""Fixtures of imports."""

from pathlib import Path

import pytest
from tests.factories import a_project

from symdepot.projects.models import Project


@pytest.fixture
def project() -> Project:
    return a_project()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return an empty folder beside the data folder of the server."""
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree
