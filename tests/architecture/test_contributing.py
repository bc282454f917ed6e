"""The protocol that CONTRIBUTING.md adds as an example works."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.test import RequestFactory
from tests.factories import a_debug_file, a_project

from symdepot.projects import organizations

pytestmark = pytest.mark.django_db

CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


def test_the_example_protocol_serves_a_debug_file_by_its_id() -> None:
    [code] = re.findall(r"```python\n(.+?)```", CONTRIBUTING, re.DOTALL)
    toy: dict[str, Any] = {}
    exec(dedent(code), toy)  # noqa: S102 -- the example of our own docs
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    row = a_debug_file(project, b"content")

    request = RequestFactory().get(f"/toy/{row.debug_id}")
    found = toy["by_debug_id"](request, debug_id=row.debug_id)
    missing = toy["by_debug_id"](
        request, debug_id="dfb8e43a-f242-3d73-a453-aeb6a777ef75"
    )

    assert (found.status_code, found.getvalue()) == (200, b"content")
    assert missing.status_code == 404
