"""Real programs of Windows come in from a symbol store, and hostile files do not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clients.depot import Depot
from tests.corpus.test_corpus import CORPUS
from tests.fixtures import packed

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside us"),
]

# Their keys are the ids that the corpus' own table has.
EXE = "crash.exe/5AB380779000/crash.exe"
PDB = "crash.pdb/3249D99D0C4049318610F4E4FB0B69361/crash.pdb"


def test_a_symbol_store_with_compressed_files_is_served(
    depot: Depot, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for place in (EXE, PDB):
        (store / place).parent.mkdir(parents=True)
    shutil.copy(CORPUS / "symbolic" / "crash.exe", store / EXE)
    pdb = CORPUS / "symbolic" / "crash.pdb"
    packed.cabinet(pdb, (store / PDB).with_suffix(".pd_"))
    wire = depot.of_project("store")

    depot.told("import", f"default/{wire.project}", str(store))

    for place in (EXE, PDB):
        answer = depot.wire.ask("GET", f"/{place}")
        assert answer.content == (CORPUS / "symbolic" / Path(place).name).read_bytes()
    assert len(wire.all_files()) == 2


def test_hostile_files_fail_with_a_sentence_each(depot: Depot) -> None:
    done = subprocess.run(  # noqa: S603 -- our own program
        [
            *(sys.executable, "-m", "symdepot", "import", "default/default"),
            *(str(CORPUS / "hostile"), "--json"),
        ],
        cwd=depot.folder,
        env=dict(depot.environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["imported"], len(told["failed"])) == (0, 2)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
