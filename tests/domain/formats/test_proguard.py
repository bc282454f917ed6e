"""A mapping of ProGuard's is called by its name, and known by its content."""

from pathlib import Path
from uuid import UUID

import pytest

from symdepot.domain.errors import NotADebugFile
from symdepot.domain.formats import inspection, proguard
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format, ObjectFile

ID = UUID("dfb8e43a-f242-3d73-a453-aeb6a777ef75")
R8 = """\
# compiler: R8
# compiler_version: 8.3.37
# min_api: 24
# common_typos_disable
# {"id":"com.android.tools.r8.mapping","version":"2.2"}
# pg_map_id: 9b7a0c2
# pg_map_hash: SHA-256 9b7a0c2
"""
LICENCE = "# Licensed to whom it may concern, at length.\n" * 100_000
SOUND = {
    "class and members": (
        "com.example.Main -> a.a:\n    int score -> b\n    1:4:void run():16:19 -> c\n"
    ),
    "class alone": "com.example.Main -> a.a:",
    "class that kept its name": "Main -> Main:\n",
    "names with signs": "-$$Lambda$a$1 -> -$$Lambda$a$1:\na.package-info -> b.a-CC:\n",
    "names of all tongues": "com.пример.Ü -> ä:\n",
    "line ends of Windows": "com.example.Main -> a.a:\r\n    int score -> b\r\n",
    "remark behind a class": 'com.example.Main -> a.a: # {"fileName":"Main.kt"}\n',
    "words before it": "Reading program jar\n\ncom.example.Main -> a.a:\n",
    "comments before it": f"{LICENCE}com.example.Main -> a.a:\n",
    "R8, whole": f"{R8}com.example.Main -> a.a:\n",
    "R8, nothing renamed": R8,
    "R8, its version alone": '# {"id":"com.android.tools.r8.mapping","version":"1.0"}\n',
}
UNSOUND = {
    "empty": "",
    "blank": "\n\n \n",
    "prose": "Dear reader, this is no mapping.\n",
    "comments of anybody": "# nothing to see\n# here\n",
    "members without class": "    int score -> b\n    void run() -> c\n",
    "indented class": "  com.example.Main -> a.a:\n",
    "class in a comment": "# com.example.Main -> a.a:\n",
    "class without an end": "com.example.Main -> a.a\n",
    "sentence with an arrow": "go from a -> b: then stop\n",
    "json": '{"com.example.Main": "a.a"}\n',
    "binary": "com.example.Main -> a.a:\n\0",
    "latin arrows": "com.example.Main → a.a:\n",
}


@pytest.mark.upstream(86)
@pytest.mark.parametrize(
    "name",
    [
        f"/proguard/{ID}.txt",
        f"/proguard/mapping-{ID}.txt",
        f"/tmp/upload/proguard/{ID}.txt",  # noqa: S108 -- a name and no file
        f"/tmp/upload/proguard/mapping-{ID}.txt",  # noqa: S108
    ],
)
def test_a_mapping_is_recognised_by_its_name(name: str) -> None:
    assert proguard.id_from_name(name) == DebugId(ID)


@pytest.mark.upstream(87)
@pytest.mark.parametrize(
    "name",
    [
        "/tmp/some-upload",  # noqa: S108
        f"/tmp/{ID}.txt",  # noqa: S108
        f"proguard/{ID}.txt",
        f"proguard/mapping-{ID}.txt",
        "/proguard/mapping-x.txt",
        f"/proguard/{ID}.map",
        f"/proguard/{ID}.txt\n\n",
    ],
)
def test_other_names_are_not_of_mappings(name: str) -> None:
    assert proguard.id_from_name(name) is None


@pytest.mark.upstream(87)
def test_a_file_with_another_name_is_parsed_as_an_object_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspection.inspect(tmp_path / "none", name=f"proguard/{ID}.txt")


def read(folder: Path, content: str) -> ObjectFile:
    path = folder / "some-upload"
    path.write_text(content, encoding="utf-8", newline="")
    (found,) = inspection.inspect(path, name=f"/proguard/{ID}.txt")
    return found


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_a_mapping_has_a_class_line_or_a_comment_of_r8(
    tmp_path: Path, content: str
) -> None:
    assert read(tmp_path, content) == ObjectFile(
        format=Format.PROGUARD,
        kind=None,
        arch="any",
        debug_id=DebugId(ID),
        code_id=None,
        features=frozenset({"mapping"}),
        name="proguard-mapping",
    )


@pytest.mark.parametrize("content", UNSOUND.values(), ids=UNSOUND)
def test_other_content_under_the_name_of_a_mapping_is_refused(
    tmp_path: Path, content: str
) -> None:
    with pytest.raises(NotADebugFile) as caught:
        read(tmp_path, content)

    assert str(caught.value) == "This file is not a ProGuard mapping."


def test_a_mapping_may_be_invalid_utf_8(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mapping"
    path.write_bytes("com.example.Käse -> a.a:\n".encode("latin-1"))

    (found,) = inspection.inspect(path, name=f"/proguard/{ID}.txt")

    assert found.format is Format.PROGUARD
