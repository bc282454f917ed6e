"""POST /symbolicate/v5: functions, files and lines."""

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_breakpad_file, a_client, a_debug_file, a_project, upload
from tests.protocols.eliot import payloads
from tests.protocols.eliot.payloads import ID, MODULE, job, result, send
from tests.symcache_files import an_unreadable_pdb

from symdepot.debugfiles.models import WantedId
from symdepot.domain.ids import DebugId
from symdepot.domain.objects import Format

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WHOLE = {
    "results": [
        {
            "stacks": [
                [
                    {
                        "frame": 0,
                        "module": "xul.dll",
                        "module_offset": "0x1017",
                        "function": "foo(int)",
                        "function_offset": "0x17",
                        "file": "a.cpp",
                        "line": 7,
                        "inlines": [
                            {"function": "deepest()", "file": "h.h", "line": 3},
                            {"function": "outer_inline()", "file": "h.h", "line": 9},
                        ],
                    },
                    {"frame": 1, "module": "<unknown>", "module_offset": "0x1010a"},
                ]
            ],
            "found_modules": {f"xul.pdb/{ID}": True, "libz.so/0": None},
        }
    ]
}
JOB = {
    "memoryMap": [MODULE, ["libz.so", "0"]],
    "stacks": [[[0, 0x1017], [-1, 65802]]],
}


def test_an_unknown_line_is_left_out() -> None:
    records = ("FILE 0 a.cpp", "FUNC 1000 10 0 foo", "1000 10 0 0")
    payloads.keep(a_breakpad_file(ID, records=records))

    (frame,) = result(job((0, 0x1000)))["stacks"][0]

    assert (frame["file"], "line" in frame) == ("a.cpp", False)


@pytest.mark.parametrize("payload", [{"jobs": [JOB], "version": 5}, JOB])
def test_a_job_has_a_complete_result(payload: object) -> None:
    payloads.keep()

    answer = send(payload)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == WHOLE


def test_an_offset_is_not_adjusted() -> None:
    payloads.keep()

    frames = result(job((0, 0xFFF), (0, 0x1000), (0, 0x100F), (0, 0x1018)))["stacks"][0]

    assert [(f.get("function_offset"), f.get("line")) for f in frames] == [
        (None, None),
        ("0x0", 5),
        ("0xf", 5),
        ("0x18", 8),
    ]


def test_names_are_demangled_and_unknown_files_left_out() -> None:
    payloads.keep()

    assert result(job((0, 0x2001)))["stacks"] == [
        [
            {
                "frame": 0,
                "module": "xul.dll",
                "module_offset": "0x2001",
                "function": "foo::bar()",
                "function_offset": "0x1",
            }
        ]
    ]


def test_an_offset_beyond_64_bits_has_no_function() -> None:
    payloads.keep()
    offsets = (-1, 2**32, 2**64 - 1, 2**64, 2**70)

    in_module, elsewhere = result(
        {
            "memoryMap": [MODULE],
            "stacks": [[(index, offset) for offset in offsets] for index in (0, -1)],
        }
    )["stacks"]

    for stack, name in ((in_module, "xul.dll"), (elsewhere, "<unknown>")):
        assert stack == [
            {"frame": number, "module": name, "module_offset": hex(offset)}
            for number, offset in enumerate(offsets)
        ]


def test_an_unknown_offset_still_looks_up_its_module() -> None:
    payloads.keep()

    told = result(job((0, -1), (1, -1), modules=[MODULE, ["a", "A" * 33]]))

    assert told["found_modules"] == {f"xul.pdb/{ID}": True, f"a/{'A' * 33}": False}


def test_frames_below_start_are_returned() -> None:
    payloads.keep(a_breakpad_file(ID, records=("FUNC 1000 10 0 _start",)))

    frames = result(job((0, 0x1000), (-1, 7), (-1, 8)))["stacks"][0]

    assert [frame["frame"] for frame in frames] == [0, 1, 2]


def test_a_module_without_a_code_file_has_its_debug_file_name() -> None:
    payloads.keep(a_breakpad_file(ID, records=("INFO CODE_ID 5AB3", "FUNC 1000 1 0 f")))

    assert result(job((0, 0x1000)))["stacks"][0][0]["module"] == "xul.pdb"


def test_a_module_is_true_if_found_false_if_missing_null_if_unused() -> None:
    payloads.keep()
    missing, unasked, nameless = ["a", ID[:-1]], ["b", ID], ["c", ""]
    stacks = [[(0, 0x1000), (1, 1)], [(3, 1), (4, 1)]]
    payload = {"memoryMap": [MODULE, missing, unasked, nameless, ["d", "0"]]}

    told = result(payload | {"stacks": stacks})

    assert told["found_modules"] == {
        f"xul.pdb/{ID}": True,
        f"a/{ID[:-1]}": False,
        f"b/{ID}": None,
        "c/": None,
        "d/0": False,
    }
    modules = [frame["module"] for stack in told["stacks"] for frame in stack]
    assert modules == ["xul.dll", "a", "c", "d"]


def test_a_repeated_module_is_found_if_either_is_used() -> None:
    payloads.keep()

    told = result(job((1, 0x1000), modules=[MODULE, MODULE]))

    assert told["found_modules"] == {f"xul.pdb/{ID}": True}


def test_a_lowercase_id_matches_and_is_returned_as_sent() -> None:
    payloads.keep()

    told = result(job((0, 0x1000), modules=[["xul.pdb", ID.lower()]]))

    assert told["found_modules"] == {f"xul.pdb/{ID.lower()}": True}
    assert told["stacks"][0][0]["function"] == "foo(int)"


def test_jobs_have_results_in_order_with_their_own_modules() -> None:
    payloads.keep()
    other = ["libz.so", "A" * 33]

    jobs = [job((0, 0x1000)), job((1, 5), modules=[MODULE, other]), job()]
    results = send({"jobs": jobs}).json()["results"]

    assert [r["found_modules"] for r in results] == [
        {f"xul.pdb/{ID}": True},
        {f"xul.pdb/{ID}": True, f"libz.so/{'A' * 33}": False},
        {f"xul.pdb/{ID}": True},
    ]
    assert [len(r["stacks"][0]) for r in results] == [1, 1, 0]
    assert send({"jobs": []}).json() == {"results": []}


def test_the_number_of_queries_does_not_depend_on_the_modules(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    payloads.keep()
    client = a_client()
    modules = [[f"xul-{n}.pdb", ID] for n in range(30)]
    frames = [(index, 0x1000) for index in range(30)]
    send(job(*frames, modules=modules), client)

    with django_assert_num_queries(5):
        send(job(*frames[:1]), client)
    with django_assert_num_queries(5):
        send({"jobs": [job(*frames, modules=modules)] * 10}, client)


def test_an_unusable_file_is_not_found() -> None:
    standing = upload(a_client(), an_unreadable_pdb(), name="xul.pdb")
    debug_id = DebugId.parse(standing["dif"]["debugId"])
    hopeless = f"{debug_id.uuid.hex}{debug_id.age:x}"
    a_debug_file(a_project(), debug_id=DebugId.parse("B" * 33), format=Format.IL2CPP)

    modules = [["xul.pdb", hopeless], ["game", "B" * 33]]
    answer = send(job((0, 1), (1, 1), modules=modules), a_client(), debug="1").json()

    names = [f"xul.pdb/{hopeless}", f"game/{'B' * 33}"]
    (told,) = answer["results"]
    assert told["found_modules"] == dict.fromkeys(names, False)
    statuses = answer["debug"]["modules"]["status_per_module"]
    assert statuses == dict(zip(names, ("malformed", "unsupported"), strict=True))


def test_a_debug_header_adds_statistics() -> None:
    payloads.keep()
    modules = [MODULE, ["a", "A" * 33], ["b", "B" * 33]]
    jobs = [job((0, 1), (1, 1), modules=modules), job((0, 2))]

    told = send({"jobs": jobs}, debug="true").json()["debug"]

    seconds = told["time"]
    assert 0 < seconds < 60
    assert told == {
        "time": seconds,
        "modules": {
            "count": 3,
            "stacks_per_module": {f"xul.pdb/{ID}": 2, f"a/{'A' * 33}": 1},
            "status_per_module": {
                f"xul.pdb/{ID}": "found",
                f"a/{'A' * 33}": "missing",
                f"b/{'B' * 33}": "unused",
            },
        },
        "cache_lookups": {"count": 2, "hits": 1, "time": seconds},
        "downloads": {"count": 0, "size": 0, "time": 0.0},
        "parse_sym": {"time": 0.0},
        "save_symcache": {"time": 0.0},
    }


def test_a_missing_module_is_recorded() -> None:
    send(job((0, 1)), a_client(user_agent="FirefoxProfiler/1.0"))

    (wanted,) = WantedId.objects.all()
    assert (wanted.debug_id, wanted.name) == (str(DebugId.parse(ID)), "xul.pdb")
    assert wanted.asked_by.endswith("(FirefoxProfiler/1.0)")
