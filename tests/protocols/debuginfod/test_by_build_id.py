"""debuginfod: files by build id and kind, their headers, sections and tokens."""

import base64
import subprocess
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries, Settings
from tests.factories import Answer, a_client, a_debug_file, a_file, a_project, upload
from tests.fixtures import builders, compiled

from symdepot.blobs.configured import blob_store
from symdepot.debugfiles.missing_ids import COUNTER
from symdepot.debugfiles.models import DebugFile, WantedId
from symdepot.domain.errors import Unauthenticated
from symdepot.domain.ids import Checksum, CodeId
from symdepot.projects import organizations, tokens
from symdepot.projects.models import Project, Token
from symdepot.projects.tokens import Scope
from symdepot.protocols import auth

pytestmark = pytest.mark.django_db

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
CONTENT = b"\x7fELF and so on"


def a_public_project(slug: str = "game") -> Project:
    project = a_project(slug)
    organizations.set_public(project, is_public=True, by="a test")
    return project


def a_companion(project: Project, content: bytes = CONTENT) -> DebugFile:
    return a_debug_file(project, content, code_id=BUILD_ID, name="hello.debug")


def ask(rest: str, client: Client | None = None, /, **headers: str) -> Answer:
    return (client or Client()).get(f"/buildid/{rest}", headers=headers)


def debuginfo(client: Client | None = None, /, **headers: str) -> Answer:
    return ask(f"{BUILD_ID}/debuginfo", client, **headers)


def test_a_file_has_the_headers_of_debuginfod() -> None:
    row = a_companion(a_public_project())

    answer = debuginfo()

    assert answer.status_code == 200
    assert answer.getvalue() == CONTENT
    assert dict(answer.items()) == {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(CONTENT)),
        "Content-Disposition": 'attachment; filename="hello.debug"',
        "ETag": f'"{Checksum.of(CONTENT)}"',
        "Accept-Ranges": "bytes",
        "X-DEBUGINFOD-SIZE": str(len(CONTENT)),
        "X-DEBUGINFOD-FILE": "hello.debug",
        "Last-Modified": row.file.created_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "public",
        "X-Content-Type-Options": "nosniff",
    }


def test_a_private_file_has_private_cache_control() -> None:
    a_companion(a_project())

    assert debuginfo(a_client())["Cache-Control"] == "private"


@pytest.mark.parametrize("name", ["a\nb", "ä.debug", "a\0b", 'a"b', "a b", ""])
def test_any_name_fits_into_a_header(name: str) -> None:
    a_debug_file(
        a_public_project(), CONTENT, code_id=BUILD_ID, name=name.replace("\0", "0")
    )

    answer = debuginfo()

    assert answer.status_code == 200
    assert answer["X-DEBUGINFOD-FILE"].isascii()


def test_head_has_the_same_headers() -> None:
    a_companion(a_public_project())

    answer = Client().head(f"/buildid/{BUILD_ID}/debuginfo")

    assert answer.status_code == 200
    assert answer.content == b""
    assert dict(answer.items()) == dict(debuginfo().items())


def test_ranges_and_revalidation() -> None:
    a_companion(a_public_project())
    etag = debuginfo()["ETag"]

    part = debuginfo(Range="bytes=1-3")
    known = debuginfo(**{"If-None-Match": etag})

    assert (part.status_code, part.getvalue()) == (206, b"ELF")
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    ("most", "status"),
    [
        (len(CONTENT), 200),
        (len(CONTENT) - 1, 406),
        (1, 406),
        ("0", 200),
        ("-1", 200),
        ("many", 200),
        ("²", 200),
        ("9" * 400, 200),
        (f" {len(CONTENT) - 1} ", 406),
    ],
)
def test_a_file_larger_than_maxsize_is_refused(most: int | str, status: int) -> None:
    a_companion(a_public_project())

    answer = debuginfo(**{"X-DEBUGINFOD-MAXSIZE": str(most)})

    assert answer.status_code == status
    if status == 406:
        text = f"File too large, max size={str(most).strip()}"
        assert answer.content.decode() == text


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_other_methods_are_refused(method: str) -> None:
    answer = getattr(Client(), method)(f"/buildid/{BUILD_ID}/debuginfo")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/",
        "ABCDEF/debuginfo",
        "abc/debuginfo",
        "../debuginfo",
        "xyz/debuginfo",
        f"{'ab' * 500_000}/debuginfo",
        "%00/debuginfo",
        "%0a/debuginfo",
        "%ff/debuginfo",
    ],
)
def test_a_malformed_id_is_a_bad_request(rest: str) -> None:
    answer = ask(rest)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.startswith(b"A build id is")


@pytest.mark.parametrize("rest", ["", "/", "/nothing", "/debuginfo/", "//debuginfo"])
def test_unknown_kinds_are_missing(rest: str) -> None:
    a_companion(a_public_project())

    answer = ask(f"{BUILD_ID}{rest}")

    assert (answer.status_code, answer.content) == (404, b"not found")


def test_a_miss_costs_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        answer = debuginfo()

    assert (answer.status_code, answer.content) == (404, b"not found")


class AnyPath(TestCase):
    @given(rest=st.text())
    def test_arbitrary_paths_are_answered(self, rest: str) -> None:
        wire = rest.encode("utf-8", "surrogatepass").decode("latin-1")

        answer = Client().generic("GET", "/", PATH_INFO=f"/buildid/{wire}")

        assert answer.status_code in {400, 404}


@pytest.mark.django_db
def test_real_files_are_served_in_any_order_of_upload(
    tmp_path: Path,
) -> None:
    a_public_project()
    program = compiled.elf_program(tmp_path)
    files = {
        "program": program.read_bytes(),
        "stripped": compiled.stripped(program).read_bytes(),
        "companion": compiled.debug_companion(program).read_bytes(),
    }
    client = a_client()

    def served(kind: str) -> str | None:
        row = DebugFile.objects.order_by("pk").last()
        assert row is not None
        answer = ask(f"{row.code_id}/{kind}")
        names = {content: name for name, content in files.items()}
        return names[answer.getvalue()] if answer.status_code == 200 else None

    upload(client, files["companion"], name="hello.debug")
    assert (served("executable"), served("debuginfo")) == (None, "companion")
    upload(client, files["stripped"], name="hello")
    assert (served("executable"), served("debuginfo")) == ("stripped", "companion")
    DebugFile.objects.filter(kind="dbg").delete()
    assert (served("executable"), served("debuginfo")) == ("stripped", None)
    upload(client, files["program"], name="hello")
    assert served("debuginfo") == "program"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program whose debug information and code were sent apart."""
    a_public_project()
    path = compiled.elf_program(tmp_path)
    client = a_client()
    for made in (compiled.stripped(path), compiled.debug_companion(path)):
        upload(client, made.read_bytes(), name=made.name)
    return path


def dumped(program: Path, name: str) -> bytes:
    """Return a section as binutils cut it out."""
    there = program.with_name("section")
    words: list[str | Path] = [
        "objcopy",
        "--dump-section",
        f"{name}={there}",
        program,
        "/dev/null",
    ]
    subprocess.run(words, check=True)  # noqa: S603 -- our words
    return there.read_bytes()


@pytest.mark.django_db
def test_a_section_is_read_from_the_file_that_has_it(program: Path) -> None:
    row = DebugFile.objects.first()
    assert row is not None
    debug_line, text = (
        ask(f"{row.code_id}/section/{name}") for name in (".debug_line", ".text")
    )
    nothing = ask(f"{row.code_id}/section/.nothing")
    no_name = ask(f"{row.code_id}/section/")
    in_both = ask(f"{row.code_id}/section/.note.gnu.build-id")

    content = dumped(program, ".debug_line")
    assert debug_line.getvalue() == content
    assert debug_line["X-DEBUGINFOD-SIZE"] == str(len(content))
    assert debug_line["Content-Length"] == str(len(content))
    assert debug_line["X-DEBUGINFOD-FILE"] == "hello.debug"
    assert text.getvalue() == dumped(program, ".text")
    assert text["X-DEBUGINFOD-FILE"] == "hello.stripped"
    assert (nothing.status_code, nothing.content) == (404, b"not found")
    assert no_name.status_code == 404
    assert in_both["X-DEBUGINFOD-FILE"] == "hello.debug"


@pytest.mark.django_db
def test_a_section_has_its_own_ranges_and_tag(program: Path) -> None:
    row = DebugFile.objects.first()
    assert row is not None
    content = dumped(program, ".debug_line")
    path = f"{row.code_id}/section/.debug_line"
    etag = ask(path)["ETag"]

    part = ask(path, Range="bytes=3-9")
    tail = ask(path, Range="bytes=-5")
    beyond = ask(path, Range=f"bytes={len(content)}-")
    known = ask(path, **{"If-None-Match": etag})
    too_large = ask(path, **{"X-DEBUGINFOD-MAXSIZE": "9"})

    assert (part.status_code, part.getvalue()) == (206, content[3:10])
    assert part["Content-Range"] == f"bytes 3-9/{len(content)}"
    assert tail.getvalue() == content[-5:]
    assert (beyond.status_code, beyond["Content-Range"]) == (
        416,
        f"bytes */{len(content)}",
    )
    assert known.status_code == 304
    assert too_large.status_code == 406
    assert etag != ask(f"{row.code_id}/debuginfo")["ETag"]


def test_a_section_may_span_several_chunks() -> None:
    project = a_public_project()
    content = builders.elf_section(b".note", bytes(range(256)) * 8)
    row = a_debug_file(project, code_id=BUILD_ID)
    parts = [content[start : start + 100] for start in range(0, len(content), 100)]
    DebugFile.objects.filter(pk=row.pk).update(file=a_file(project, *parts))

    answer = ask(f"{BUILD_ID}/section/.note")

    assert answer.getvalue() == bytes(range(256)) * 8


def test_a_file_that_is_no_elf_has_no_sections() -> None:
    a_companion(a_public_project())

    assert ask(f"{BUILD_ID}/section/.text").status_code == 404


def test_a_private_project_needs_a_token() -> None:
    a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    path = f"buildid/{BUILD_ID}/debuginfo"

    assert Client().get(f"/{path}").status_code == 404
    assert Client().get(f"/s/{token}/{path}").getvalue() == CONTENT
    assert Client().get(f"//s//{token}//{path}").status_code == 404
    assert Client().get(f"/s/{token}//{path}").getvalue() == CONTENT
    assert debuginfo(Authorization=f"Bearer {token}").getvalue() == CONTENT


@pytest.mark.parametrize("pair", ["{}:", ":{}", "gdb:{}", "{}:x"])
def test_a_token_may_be_user_or_password_of_basic(pair: str) -> None:
    a_companion(a_project())
    token = tokens.create_url_token(a_project(), by="me")
    encoded = base64.b64encode(pair.format(token).encode()).decode()

    assert debuginfo(Authorization=f"Basic {encoded}").status_code == 200


def test_an_invalid_token_is_refused_even_for_public_files() -> None:
    a_companion(a_public_project())
    token = tokens.create_url_token(a_project(), by="me")
    tokens.revoke(Token.objects.get(), by="me")

    by_path = Client().get(f"/s/{token}/buildid/{BUILD_ID}/debuginfo")
    by_header = debuginfo(Authorization=f"Bearer {token}")

    for answer in (by_path, by_header):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Basic realm="symdepot", Bearer'
        assert token not in answer.content.decode()


def test_a_token_with_other_scopes_is_refused_in_a_path() -> None:
    a_companion(a_project())
    token = tokens.create_token(a_project(), scopes=[Scope.READ, Scope.WRITE], by="me")

    assert Client().get(f"/s/{token}/buildid/{BUILD_ID}/debuginfo").status_code == 404
    with pytest.raises(Unauthenticated):
        auth.reader(RequestFactory().get("/"), token)


def test_a_token_of_another_organization_finds_nothing() -> None:
    a_companion(a_project())
    a_companion(a_public_project("engine"))
    token = tokens.create_url_token(a_project("game", "emca"), by="me")

    assert Client().get(f"/s/{token}/buildid/{BUILD_ID}/debuginfo").status_code == 404


def test_a_token_for_uploads_only_does_not_read() -> None:
    assert debuginfo(a_client(scopes=[Scope.CI])).status_code == 403


def test_downloads_update_the_last_use() -> None:
    row = a_companion(a_public_project())
    before = timezone.now()

    debuginfo()

    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= before


def test_a_miss_is_recorded_for_the_project_of_the_token() -> None:
    project, _ = a_project(), a_project("other")
    assert debuginfo().status_code == 404
    assert debuginfo(a_client()).status_code == 404
    token = tokens.create_url_token(project, by="me", label="gdb")

    path = f"/s/{token}/buildid/{BUILD_ID}/debuginfo"
    Client().get(path, headers={"User-Agent": "elfutils/0.196"})
    COUNTER.flush()

    wanted = WantedId.objects.get()
    assert (wanted.project, wanted.code_id, wanted.count) == (project, str(BUILD_ID), 1)
    assert "gdb" in wanted.asked_by
    assert "elfutils" in wanted.asked_by
    assert token not in wanted.asked_by


def test_a_miss_is_recorded_for_the_only_project() -> None:
    project = a_project()

    debuginfo(a_client())
    COUNTER.flush()

    assert WantedId.objects.get().project == project


def test_debug_information_is_missing_beside_the_stripped_program() -> None:
    project, client = a_project(), a_client()
    features = frozenset({"unwind"})
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=features)

    for rest in ("debuginfo", "section/.debug_info", "source/a.c"):
        assert ask(f"{BUILD_ID}/{rest}", client).status_code == 404
    COUNTER.flush()

    assert WantedId.objects.get().count == 1


def test_an_id_that_arrived_after_the_miss_is_not_recorded(settings: Settings) -> None:
    settings.WANTED_WRITE_SECONDS = 3600
    project, client = a_project(), a_client()
    features = frozenset({"unwind"})
    a_debug_file(project, code_id=BUILD_ID, kind="exe", features=features)

    debuginfo(client)
    a_companion(project)
    COUNTER.flush()

    assert not WantedId.objects.exists()


def test_missing_bytes_give_an_error() -> None:
    row = a_companion(a_public_project())
    blob_store().delete(Checksum(row.file.checksum))

    assert debuginfo().status_code == 404
