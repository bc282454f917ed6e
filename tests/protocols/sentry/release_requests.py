"""Requests about releases."""

from typing import Any

import pytest
from django.test import Client
from tests.factories import Answer, a_debug_file

from symdepot.debugfiles.models import Association, DebugFile
from symdepot.projects.models import Project, Release

ORGANIZATION = "/api/0/organizations/acme/releases/"
GAME = "/api/0/projects/acme/game/releases/"
TOOL = "/api/0/projects/acme/tool/releases/"
BOTH = pytest.mark.parametrize("path", [ORGANIZATION, GAME])


def say(client: Client, path: str, **what: Any) -> Answer:
    return client.post(path, what, content_type="application/json")


def put(client: Client, path: str, **what: Any) -> Answer:
    return client.put(path, what, content_type="application/json")


def versions(client: Client, path: str = ORGANIZATION, **query: Any) -> list[str]:
    return [found["version"] for found in client.get(path, query).json()]


def slugs(answer: Answer) -> list[str]:
    return [project["slug"] for project in answer.json()["projects"]]


def an_association(release: Release, project: Project) -> DebugFile:
    row = a_debug_file(project)
    Association.objects.create(release=release, debug_file=row)
    return row
