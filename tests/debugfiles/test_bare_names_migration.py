"""The migration that fills in bare names."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from tests.factories import a_debug_file, a_project

from symdepot.debugfiles.models import DebugFile

NAMES = ["App.exe", "libfoo.so.debug", "", "ü'%s\\.PDB"]


@pytest.mark.django_db(transaction=True)
def test_files_of_an_older_version_get_their_bare_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    migration = import_module("symdepot.debugfiles.migrations.0003_bare_names")
    monkeypatch.setattr(migration, "_ROWS_A_STATEMENT", 3)
    for name in NAMES:
        a_debug_file(a_project(), name=name)
    known = DebugFile.objects.order_by("pk").values_list("bare_name", flat=True)
    before = list(known)
    DebugFile.objects.update(bare_name="")

    with connection.schema_editor() as editor:
        migration.fill_in(apps, editor)

    assert list(known) == before == ["app", "libfoo.so", "", ".pdb"]
