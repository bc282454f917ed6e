"""Functions, files and lines are told in the words of Eliot's v5."""

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.factories import a_breakpad_file, a_client, a_debug_file, a_project, upload
from tests.protocols.eliot import asking
from tests.protocols.eliot.asking import ID, MODULE, ask, job, result
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


def test_a_line_that_is_not_known_is_left_out() -> None:
    records = ("FILE 0 a.cpp", "FUNC 1000 10 0 foo", "1000 10 0 0")
    asking.keep(a_breakpad_file(ID, records=records))

    (frame,) = result(job((0, 0x1000)))["stacks"][0]

    assert (frame["file"], "line" in frame) == ("a.cpp", False)


@pytest.mark.parametrize("payload", [{"jobs": [JOB], "version": 5}, JOB])
def test_a_job_is_answered_whole(payload: object) -> None:
    asking.keep()

    answer = ask(payload)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == WHOLE


def test_an_offset_is_taken_as_it_is() -> None:
    asking.keep()

    frames = result(job((0, 0xFFF), (0, 0x1000), (0, 0x100F), (0, 0x1018)))["stacks"][0]

    assert [(f.get("function_offset"), f.get("line")) for f in frames] == [
        (None, None),
        ("0x0", 5),
        ("0xf", 5),
        ("0x18", 8),
    ]


def test_a_name_is_told_as_it_was_written_and_a_file_only_where_it_is_known() -> None:
    asking.keep()

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


def test_an_offset_that_no_program_has_is_no_function() -> None:
    asking.keep()
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


def test_an_offset_that_is_unknown_still_says_whether_there_is_a_file() -> None:
    asking.keep()

    told = result(job((0, -1), (1, -1), modules=[MODULE, ["a", "A" * 33]]))

    assert told["found_modules"] == {f"xul.pdb/{ID}": True, f"a/{'A' * 33}": False}


def test_every_frame_that_was_asked_is_answered_even_those_below_the_start() -> None:
    asking.keep(a_breakpad_file(ID, records=("FUNC 1000 10 0 _start",)))

    frames = result(job((0, 0x1000), (-1, 7), (-1, 8)))["stacks"][0]

    assert [frame["frame"] for frame in frames] == [0, 1, 2]


def test_a_module_is_called_by_its_debug_file_where_its_code_file_is_not_told() -> None:
    asking.keep(a_breakpad_file(ID, records=("INFO CODE_ID 5AB3", "FUNC 1000 1 0 f")))

    assert result(job((0, 0x1000)))["stacks"][0][0]["module"] == "xul.pdb"


def test_a_module_is_true_false_or_null_as_it_was_found_missing_or_not_asked() -> None:
    asking.keep()
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


def test_a_module_that_stands_twice_is_found_if_either_is_asked_for() -> None:
    asking.keep()

    told = result(job((1, 0x1000), modules=[MODULE, MODULE]))

    assert told["found_modules"] == {f"xul.pdb/{ID}": True}


def test_an_id_in_small_letters_is_the_same_and_stays_as_it_came() -> None:
    asking.keep()

    told = result(job((0, 0x1000), modules=[["xul.pdb", ID.lower()]]))

    assert told["found_modules"] == {f"xul.pdb/{ID.lower()}": True}
    assert told["stacks"][0][0]["function"] == "foo(int)"


def test_jobs_are_answered_in_their_order_each_with_its_own_modules() -> None:
    asking.keep()
    other = ["libz.so", "A" * 33]

    jobs = [job((0, 0x1000)), job((1, 5), modules=[MODULE, other]), job()]
    results = ask({"jobs": jobs}).json()["results"]

    assert [r["found_modules"] for r in results] == [
        {f"xul.pdb/{ID}": True},
        {f"xul.pdb/{ID}": True, f"libz.so/{'A' * 33}": False},
        {f"xul.pdb/{ID}": True},
    ]
    assert [len(r["stacks"][0]) for r in results] == [1, 1, 0]
    assert ask({"jobs": []}).json() == {"results": []}


def test_no_more_is_asked_of_the_database_for_more_modules(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    asking.keep()
    client = a_client()
    modules = [[f"xul-{n}.pdb", ID] for n in range(30)]
    frames = [(index, 0x1000) for index in range(30)]
    ask(job(*frames, modules=modules), client)

    with django_assert_num_queries(6):
        ask(job(*frames[:1]), client)
    with django_assert_num_queries(6):
        ask({"jobs": [job(*frames, modules=modules)] * 10}, client)


def test_a_file_that_cannot_be_used_is_as_good_as_none() -> None:
    standing = upload(a_client(), an_unreadable_pdb(), name="xul.pdb")
    debug_id = DebugId.parse(standing["dif"]["debugId"])
    hopeless = f"{debug_id.uuid.hex}{debug_id.age:x}"
    a_debug_file(a_project(), debug_id=DebugId.parse("B" * 33), format=Format.IL2CPP)

    modules = [["xul.pdb", hopeless], ["game", "B" * 33]]
    answer = ask(job((0, 1), (1, 1), modules=modules), a_client(), debug="1").json()

    names = [f"xul.pdb/{hopeless}", f"game/{'B' * 33}"]
    (told,) = answer["results"]
    assert told["found_modules"] == dict.fromkeys(names, False)
    statuses = answer["debug"]["modules"]["status_per_module"]
    assert statuses == dict(zip(names, ("malformed", "unsupported"), strict=True))


def test_a_debug_header_brings_what_the_answer_took() -> None:
    asking.keep()
    modules = [MODULE, ["a", "A" * 33], ["b", "B" * 33]]
    jobs = [job((0, 1), (1, 1), modules=modules), job((0, 2))]

    told = ask({"jobs": jobs}, debug="true").json()["debug"]

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


def test_what_is_not_there_is_wanted() -> None:
    ask(job((0, 1)), a_client(user_agent="FirefoxProfiler/1.0"))

    (wanted,) = WantedId.objects.all()
    assert (wanted.debug_id, wanted.name) == (str(DebugId.parse(ID)), "xul.pdb")
    assert wanted.asked_by.endswith("(FirefoxProfiler/1.0)")
