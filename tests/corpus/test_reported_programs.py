"""Programs and debug files that are known from bug reports, and their right answers."""

import lzma

import pytest
from django.test import Client
from pytest_django import Settings
from tests import environment
from tests.factories import a_client, a_project, upload
from tests.protocols.symbolicator.payloads import post

from symdepot.projects import organizations

CASES = environment.PROJECT.parent / "shared" / "cases"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.skipif(not CASES.is_dir(), reason="there are no cases beside us"),
]


@pytest.fixture(autouse=True)
def _public_project(settings: Settings) -> None:
    settings.SYMCACHES = True
    organizations.set_public(a_project(), is_public=True, by="a test")


def test_windows_programs_with_one_code_id() -> None:
    folder = CASES / "pe-key-of-two"
    pdb = lzma.decompress((folder / "kilnt.pdb.xz").read_bytes())
    upload(a_client(), pdb, name="kilnt.pdb")
    programs = {
        name: (folder / name).read_bytes() for name in ("kilnt.exe", "other.dll")
    }
    for name, content in programs.items():
        upload(a_client(), content, name=name)
    base = 0x1_4000_0000
    module = {
        "type": "pe",
        "code_id": "0ABCDEF15000",
        "code_file": "C:\\kiln\\kilnt.exe",
        "image_addr": hex(base),
    }
    frames = [{"instruction_addr": hex(base + 0x1008)}]

    answers = {
        name: Client().get(f"/{name}/0ABCDEF15000/{name}")
        for name in (*programs, "third.exe")
    }
    stacks = {"stacktraces": [{"frames": frames}], "modules": [module]}
    [frame] = post(a_client(), stacks).json()["stacktraces"][0]["frames"]

    assert answers["third.exe"].status_code == 404
    assert {name: answers[name].getvalue() for name in programs} == programs
    assert (frame["function"], frame["lineno"]) == ("fire(int)", 5)
    assert frame["filename"] == "kiln.c"
