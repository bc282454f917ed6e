"""ELF files of an earlier version get the kinds that they have today."""

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from tests.factories import a_client, a_debug_file, a_project, upload
from tests.fixtures import compiled

from symdepot.debugfiles.models import DebugFile
from symdepot.jobs.models import PeriodicLock
from symdepot.pipeline.program_kinds import LOCK, correct_program_kinds

pytestmark = pytest.mark.django_db


def after_the_migration() -> None:
    migration = import_module("symdepot.debugfiles.migrations.0005_program_kinds")
    with connection.schema_editor() as editor:
        migration.make_due(apps, editor)


@pytest.mark.django_db(transaction=True)
def test_static_programs_of_an_earlier_version_become_programs(tmp_path: Path) -> None:
    a_project()
    program = compiled.elf_program(tmp_path, options="-nostdlib -static")
    companion = compiled.debug_companion(program)
    for path in (program, companion):
        assert upload(a_client(), path.read_bytes(), name=path.name)["state"] == "ok"
    rows = DebugFile.objects.order_by("pk").values_list("kind", flat=True)
    assert list(rows) == ["exe", "dbg"]
    DebugFile.objects.update(kind="dbg")
    after_the_migration()

    corrected = [correct_program_kinds(), correct_program_kinds()]

    assert corrected == [1, 0]
    assert list(rows) == ["exe", "dbg"]


@pytest.mark.django_db(transaction=True)
def test_a_file_whose_bytes_are_gone_is_skipped() -> None:
    a_debug_file(a_project(), b"gone")
    after_the_migration()

    assert correct_program_kinds() == 0


@pytest.mark.django_db(transaction=True)
def test_a_new_installation_has_nothing_to_correct() -> None:
    after_the_migration()

    assert not PeriodicLock.objects.filter(name=LOCK).exists()
    assert correct_program_kinds() == 0
