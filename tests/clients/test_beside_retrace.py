"""ProGuard's own `retrace` reads the same traces to the same end, but for some lines."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from tests import environment
from tests.domain.jvm import mappings

from symdepot.domain.jvm import retrace
from symdepot.domain.jvm.mapping_query import NameMapping

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

JARS = [Path("/usr/share/java") / name for name in ("retrace.jar", "proguard.jar")]
SEED = 20
CLASSES = 60
AMBIGUOUS = """\
com.example.App -> a.a:
    1:4:void run():16:19 -> c
    void left(int) -> f
    void right(java.lang.String) -> f
    void plain(int) -> d
    5:9:void late():1:5 -> e
"""


def by_proguard(mapping: Path, trace: str) -> str:
    """Return what ProGuard's `retrace` makes of a trace."""
    java = shutil.which("java")
    if java is None or not all(jar.exists() for jar in JARS):
        environment.require_or_skip(
            "proguard", "its retrace, or java, is not installed"
        )
    path = mapping.with_name("trace.txt")
    path.write_text(trace)
    paths = ":".join(map(str, JARS))
    ended = subprocess.run(  # noqa: S603 -- the program of the machine
        [java, "-cp", paths, "proguard.retrace.ReTrace", str(mapping), str(path)],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    return ended.stdout


def by_us(mapping: Path, trace: str) -> str:
    return retrace.retrace(trace, NameMapping.open(mapping)).text


def a_program() -> tuple[str, str]:
    """Return a mapping of many classes and a trace through all of their methods."""
    chance = random.Random(SEED)  # noqa: S311 -- no secret
    mapping: list[str] = []
    trace: list[str] = ['Exception in thread "main" p.a0: a message of x.y']
    for number in range(CLASSES):
        mapping.append(f"com.example.Class{number}$Inner -> p.a{number}:")
        mapping.append("    java.lang.String field -> a")
        line = 1
        for method in range(chance.randint(1, 6)):
            for _ in range(chance.randint(1, 3)):
                end, real = line + chance.randint(0, 9), chance.randint(1, 900)
                to = real + end - line
                span = f"    {line}:{end}:void "
                for depth in range(chance.randint(0, 3)):
                    other = f"com.example.Class{chance.randrange(CLASSES)}$Inner"
                    mapping.append(
                        f"{span}{other}.inlined{depth}():{real}:{to} -> m{method}"
                    )
                    real, to = chance.randint(1, 900), 0
                    to = real
                tail = f"{real}:{to}" if to > real else f"{real}"
                mapping.append(f"{span}method{method}(int):{tail} -> m{method}")
                at = chance.randint(line, end)
                trace.append(f"\tat p.a{number}.m{method}(SourceFile:{at})")
                line = end + 1
        trace.append(f"\tat p.a{number}.unknown(SourceFile:{line})")
        trace.append(f"\tat p.a{number}.m0(SourceFile:{line})")
        trace.append(f"Caused by: p.a{number}: no")
    trace += ["\tat java.lang.Thread.run(Thread.java:829)", "\t... 12 more"]
    return "\n".join(mapping) + "\n", "\n".join(trace) + "\n"


def test_proguard_retraces_the_same_frames(tmp_path: Path) -> None:
    mapping, trace = a_program()
    path = mappings.written(tmp_path, mapping)

    assert by_us(path, trace) == by_proguard(path, trace)
    assert "inlined2" in by_us(path, trace)


@pytest.mark.parametrize(
    ("frame", "theirs", "ours"),
    [
        # Either may be meant: they print all, and we what is sure.
        (
            "a.a.f(SourceFile:12)",
            ["com.example.App.left(App.java:12)", "com.example.App.right(App.java:12)"],
            "com.example.App.f(App.java:12)",
        ),
        # A method of which no line is known: they keep the one there was.
        (
            "a.a.d(SourceFile:12)",
            ["com.example.App.plain(App.java:12)"],
            "com.example.App.plain(App.java)",
        ),
    ],
)
def test_proguard_guesses_ambiguous_frames(
    tmp_path: Path, frame: str, theirs: list[str], ours: str
) -> None:
    path = mappings.written(tmp_path, AMBIGUOUS)
    trace = f"\tat {frame}\n"

    assert by_proguard(path, trace) == "".join(f"\tat {one}\n" for one in theirs)
    assert by_us(path, trace) == f"\tat {ours}\n"
