"""The name of the program of a debug file."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.factories import a_breakpad_file, a_debug_file, a_project
from tests.symcache_files import uploaded

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles import contents
from symdepot.domain.ids import Checksum
from symdepot.domain.objects import Format

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("INFO CODE_ID 5AB380779000 crash.exe", "crash.exe"),
        ("INFO CODE_ID 5AB380779000 a b.dll\r", "a b.dll"),
        ("INFO CODE_ID 5AB380779000", ""),
        ("INFO GENERATOR mozilla/dump_syms 2.1.0", ""),
        ("INFO CODE_ID 5AB380779000 " + "x" * 600, "x" * 500),
    ],
)
def test_the_program_name_comes_from_the_breakpad_file(record: str, name: str) -> None:
    row = uploaded(a_breakpad_file(records=(record, "FUNC 1000 10 0 main")))

    assert contents.code_file_name(row, []) == name


def test_a_breakpad_file_is_read_once() -> None:
    row = uploaded(a_breakpad_file(records=("INFO CODE_ID 5AB3 crash.exe",)))
    contents.code_file_name(row, [])

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert contents.code_file_name(row, []) == "crash.exe"

    assert len(queries) == 0


def test_a_missing_blob_gives_no_name_until_it_is_restored() -> None:
    content = a_breakpad_file(records=("INFO CODE_ID 5AB3 crash.exe",))
    row = uploaded(content)
    blob_store().delete(Checksum.of(content))

    assert contents.code_file_name(row, []) == ""
    uploaded(content)

    assert contents.code_file_name(row, []) == "crash.exe"


def test_the_program_name_of_a_pdb_comes_from_its_program() -> None:
    pdb = a_debug_file(a_project(), format=Format.PDB, name="crash.pdb")
    program = a_debug_file(a_project(), format=Format.PE, name="crash.exe")

    assert contents.code_file_name(pdb, [pdb, program]) == "crash.exe"
    assert contents.code_file_name(pdb, [pdb]) == ""
