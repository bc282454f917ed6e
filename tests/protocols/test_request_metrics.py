"""What was answered is counted once, whichever process answered it."""

import multiprocessing
from pathlib import Path

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings
from tests.factories import Answer, a_debug_file, a_project

from symdepot.debugfiles.models import DebugFile
from symdepot.domain.ids import CodeId
from symdepot.projects import organizations, tokens
from symdepot.protocols import plain_text_responses, request_metrics
from symdepot.protocols.request_metrics import RequestCount

BUILD_ID = CodeId("dfb85de42daffd09640c8fe377d572de3e168920")
FORKING = multiprocessing.get_context("fork")
CONTENT = b"\x7fELF and so on"


def a_row() -> DebugFile:
    project = a_project()
    organizations.set_public(project, is_public=True, by="a test")
    return a_debug_file(project, CONTENT, code_id=BUILD_ID)


def told(path: str = "/metrics") -> dict[str, float]:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.content.decode().splitlines()
    return {name: float(value) for name, value in (ln.rsplit(" ", 1) for ln in lines)}


def taken(path: str, **headers: str) -> Answer:
    answer = Client().get(path, headers=headers)
    answer.getvalue()
    return answer


def test_what_processes_count_is_one_sum(settings: Settings) -> None:
    request_metrics.count_response("section", 200, 10, 0.5)

    processes = [
        FORKING.Process(
            target=request_metrics.count_response, args=("section", 200, 1, 0.25)
        )
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert list(request_metrics.all_counts()) == [
        RequestCount("section", 200, 3, 12, 1.0)
    ]
    # What two write to, each may lose of the other's.
    assert len(list(Path(settings.COUNTS_DIR).iterdir())) > 1


def test_a_process_goes_on_with_the_page_of_a_dead_one(settings: Settings) -> None:
    for _ in range(3):
        process = FORKING.Process(
            target=request_metrics.count_response, args=("/", 200, 1, 0.5)
        )
        process.start()
        process.join()

    assert list(request_metrics.all_counts()) == [RequestCount("/", 200, 3, 3, 1.5)]
    assert len(list(Path(settings.COUNTS_DIR).iterdir())) == 1


def test_what_is_not_foreseen_is_counted_too() -> None:
    request_metrics.count_response("tea", 418, 1, 1)
    request_metrics.count_response("source", 418, 1, 1)

    assert list(request_metrics.all_counts()) == [
        RequestCount("source", 0, 1, 1, 1.0),
        RequestCount("other", 0, 1, 1, 1.0),
    ]


def test_a_disk_that_takes_no_counts_stops_nobody(
    settings: Settings, tmp_path: Path
) -> None:
    settings.COUNTS_DIR = tmp_path / "file" / "counts"
    (tmp_path / "file").write_text("in the way")

    request_metrics.count_response("/", 200, 1, 1)

    assert list(request_metrics.all_counts()) == []


@pytest.mark.django_db
def test_answers_are_told_by_what_was_asked_and_what_came_of_it() -> None:
    a_row()
    whole = taken(f"/buildid/{BUILD_ID}/debuginfo")
    taken(f"/buildid/{BUILD_ID}/debuginfo", Range="bytes=0-3")
    taken(f"/buildid/{BUILD_ID}/debuginfo", **{"If-None-Match": whole["ETag"]})
    for path in ("executable", "source/a.c", "section/.text", "nothing"):
        taken(f"/buildid/{BUILD_ID}/{path}")
    for path in ("/", "/metadata", "/x.pdb/no/x.pdb", "/x/no/x.sym"):
        taken(path)
    Client().post("/metrics")

    said = told()

    assert {
        name: n
        for name, n in said.items()
        if name.startswith(("http_requests", "http_responses_total"))
    } == {
        'http_requests_total{type="debuginfo"}': 3,
        'http_requests_total{type="executable"}': 1,
        'http_requests_total{type="source"}': 1,
        'http_requests_total{type="section"}': 1,
        'http_requests_total{type="metadata"}': 1,
        'http_requests_total{type="metrics"}': 1,
        'http_requests_total{type="/"}': 1,
        'http_requests_total{type="symstore"}': 1,
        'http_requests_total{type="breakpad"}': 1,
        'http_requests_total{type="other"}': 1,
        'http_responses_total{result="file"}': 3,
        'http_responses_total{result="unmodified"}': 1,
        'http_responses_total{result="error"}': 8,
    }
    of = '{code="206",type="debuginfo"}'
    assert said[f"http_responses_transfer_bytes_count{of}"] == 1
    assert said[f"http_responses_transfer_bytes_sum{of}"] == 4
    assert 0 < said[f"http_responses_duration_milliseconds_sum{of}"] < 60_000
    assert said["ready"] == 1


@pytest.mark.django_db
def test_there_is_told_what_the_asker_could_find() -> None:
    row = a_row()
    a_debug_file(row.project, kind="exe", code_id=BUILD_ID)
    a_debug_file(a_project("private"), kind="exe", features=frozenset[str]())
    token = tokens.create_url_token(a_project("private"), by="me")

    public, private = told(), told(f"/s/{token}/metrics")

    assert public['found_debuginfo_total{source="file"}'] == 2
    assert public['found_executable_total{source="file"}'] == 1
    assert private['found_debuginfo_total{source="file"}'] == 0
    assert private['found_executable_total{source="file"}'] == 1


@pytest.mark.django_db
def test_of_what_a_client_did_not_wait_for_only_what_was_sent_is_counted() -> None:
    view = plain_text_responses.text_view(
        plain_text_responses.DEBUGINFOD, lambda _: "source"
    )(lambda _: StreamingHttpResponse(iter([b"123", b"45", b"6789"])))

    answer = view(RequestFactory().get("/"))
    assert isinstance(answer, StreamingHttpResponse)
    blocks = iter(answer)
    assert [next(blocks), next(blocks)] == [b"123", b"45"]
    answer.close()

    [one] = request_metrics.all_counts()
    assert (one.responses, one.size_bytes) == (1, 5)


def test_whoever_comes_by_is_told_what_this_is() -> None:
    for path in ("/", "//", "/s/symd_whoever/"):
        answer = Client().get(path)

        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.content.startswith(b"debuginfod (symdepot) 0.")
