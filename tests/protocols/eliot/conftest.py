"""A project with symcaches."""

import pytest
from pytest_django import Settings
from tests.factories import a_project

from symdepot.projects.models import Project


@pytest.fixture(autouse=True)
def project(settings: Settings, transactional_db: None) -> Project:
    settings.SYMCACHES = True
    return a_project()
