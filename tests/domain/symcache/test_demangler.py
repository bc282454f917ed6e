"""Names are demangled, and hostile names do no harm."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdepot.domain.symcache import demangled_size, demangler

NAMES = {
    "_ZZ1fvE1x": "f()::x",
    "_Z3fooi": "foo(int)",
    "__Z3fooi": "foo(int)",
    "_ZN3foo3barEv.cold": "foo::bar() (.cold)",
    "_ZNKSt6vectorIiSaIiEE4sizeEv": (
        "std::vector<int, std::allocator<int>>::size() const"
    ),
    "___Z3fooi_block_invoke": "invocation function for block in foo(int)",
    "_ZSt7forwardIRiEOT_RNSt16remove_referenceIS1_E4typeE": (
        "int& std::forward<int&>(std::remove_reference<int&>::type&)"
    ),
    "?foo@@YAHH@Z": "int __cdecl foo(int)",
    "??_7Foo@@6B@": "const Foo::`vftable'",
    "_RNvNtCs1234_7mycrate3foo3bar": "mycrate::foo::bar",
    "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE": "core::fmt::Formatter::pad",
    "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.77": (
        "core::fmt::Formatter::pad"
    ),
    "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE": (
        "<&T as core::fmt::Debug>::fmt"
    ),
    "$s4main3fooyyF": "main.foo() -> ()",
    "_$s4main3fooyyF": "main.foo() -> ()",
    "_T04main3fooyyF": "main.foo() -> ()",
    "_TtC4main3Foo": "main.Foo",
}
NOT_MANGLED = (
    "",
    "main",
    "i",
    "St6vector",
    "-[Foo bar:]",
    "+[Foo(Category) bar:baz:]",
    "_-[Foo bar]",
    "_Z",
    "?",
    "_R",
    "$s",
    "__cxa_throw",
    "_Z3fooi\0",
    "_Z3fooé",
    "\ud800",
    "_Z\ud800",
)


DEEP = (
    "_" + "Z" * 1_500,
    "_Z1f" + "P" * 2_000 + "i",
    "_Z1f" + "1AI" * 680,
    "_Z1fIXadL" * 220,
    "??$a@" + "V?$a@" * 400,
    "?a@@YAX" + "V?$b@" * 400,
)


def letters(number: int, alphabet: str) -> str:
    """Return a number in digits of an alphabet."""
    digits = ""
    while True:
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
        if not number:
            return digits


def itanium_bomb(depth: int, function: str = "f") -> str:
    """Return nested templates; each has the last one twice as arguments."""
    numbers = substitutions(depth + 3)
    levels = (f"{numbers[2]}I{numbers[n]}{numbers[n]}E" for n in range(3, depth + 3))
    return f"_Z{len(function)}{function}1A1BIS_S_E" + "".join(levels)


def masked_bomb(depth: int) -> str:
    """Return the same in a function whose name looks like references."""
    return itanium_bomb(depth, "".join(substitutions(depth + 3)))


def substitutions(count: int) -> list[str]:
    """Return the first references of the Itanium ABI, in order."""
    upper = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return ["S_", *(f"S{letters(n, upper)}_" for n in range(count))]


def pack_bomb(depth: int) -> str:
    """Return packs that expand in packs."""
    pack = "J" + "i" * 20 + "E"
    inner = "T_"
    for number in range(depth):
        inner = f"Dp1AI{inner}T{number}_E"
    return f"_Z1fI{pack * (depth + 1)}Ev{inner}"


def microsoft_bomb(depth: int) -> str:
    """Return function types; each has the last one eight times as parameters."""
    levels = (f"P6AX{str(n) * 8}@Z" for n in range(depth))
    return "?a@@YAXP6AXHHH@Z" + "".join(levels) + "@Z"


def rust_bomb(depth: int) -> str:
    """Return tuples; each has the last one twice."""
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text, position = "INvC1a1bTllE", 8
    for _ in range(depth):
        reference = f"B{letters(position - 1, alphabet)}_"
        position = len(text)
        text += f"T{reference}{reference}E"
    return f"_R{text}E"


@pytest.mark.parametrize("name", NAMES)
def test_demangles(name: str) -> None:
    assert demangler.demangle(name) == NAMES[name]


@pytest.mark.parametrize("name", NOT_MANGLED)
def test_other_names_are_returned_unchanged(name: str) -> None:
    assert demangler.demangle(name) == name


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("_Z3fooi", "cpp"),
        ("?foo@@YAHH@Z", "cpp"),
        ("_ZN4core3fmt3pad17h0123456789abcdefE", "rust"),
        ("_RNvC1a1b", "rust"),
        ("$s4main3fooyyF", "swift"),
        ("-[Foo bar:]", "objc"),
        ("main", None),
        ("", None),
    ],
)
def test_guesses_the_language(name: str, language: str | None) -> None:
    assert demangler.guess_language(name) == language


@pytest.mark.parametrize(
    "bomb",
    [itanium_bomb, masked_bomb, pack_bomb, microsoft_bomb, rust_bomb],
    ids=["itanium", "masked", "pack", "microsoft", "rust"],
)
def test_names_that_would_expand_too_far_are_returned_unchanged(bomb: object) -> None:
    assert callable(bomb)
    longest = 0
    for depth in range(2, 60):
        longest = max(longest, len(demangler.demangle(bomb(depth))))
        assert longest < 10_000_000

    # A bomb of little depth is demangled; it grows per level until the limit.
    assert longest > 2 * len(bomb(3))
    assert demangler.demangle(bomb(59)) == bomb(59)


def test_deeply_nested_names_are_returned_unchanged() -> None:
    for name in ("_Z1f" + "P" * 100_000 + "i", "_Z1f" + "1AI" * 9_000, "?a@@3" * 9_000):
        assert demangler.demangle(name) == name


@given(
    st.text(alphabet="0123456789STAB_EIJZvi", max_size=60),
    st.sampled_from(["_Z1f", "_R", "?", "$s", "_ZN", "_T0"]),
)
def test_a_bound_is_at_least_the_length_of_the_prefix(name: str, prefix: str) -> None:
    bounds = (
        demangled_size.itanium_bound(prefix + name),
        demangled_size.rust_bound(prefix + name),
        demangled_size.microsoft_bound(prefix + name),
        demangled_size.swift_bound(prefix + name),
    )

    # A reference to nothing counts as nothing.
    assert min(bounds) >= len(prefix)


MUTATIONS = """
import random, resource, sys, threading, time
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
threading.stack_size(512 * 1024)
from symdepot.domain.symcache import demangler

random.seed(int(sys.argv[1]))
names = sys.stdin.read().split("\\n")
pieces = ["S_", "S0_", "T_", "T0_", "I", "E", "J", "Dp", "N", "P", "F", "1A", "B_", "T"]
pieces += ["L", "X", "AA", "Say", "G", "V", "?$", "@", "P6A", "Z", "cv", "sr", "_", "D"]

def mutated(name):
    for _ in range(random.randint(1, 8)):
        i, j = sorted((random.randint(0, len(name)), random.randint(0, len(name))))
        way = random.randint(0, 4)
        if way == 0: name = name[:i] + random.choice(pieces) + name[i:]
        elif way == 1: name = name[:i] + name[j:]
        elif way == 2: name = name[:j] + name[i:j] * random.randint(1, 20) + name[j:]
        elif way == 3: name = name[:i] + chr(random.randint(33, 126)) + name[i + 1:]
        else: name = name[:i] + random.choice(pieces) * random.randint(1, 300) + name[i:]
        name = name[:demangler.MAX_LENGTH + 10]
    return name

done = 0
slowest = 0.0
def go():
    global done, slowest
    for name in names:
        demangler.demangle(name)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        name = mutated(random.choice(names))
        print(ascii(name), file=sys.stderr) if len(sys.argv) > 2 else None
        began = time.thread_time()
        assert isinstance(demangler.demangle(name), str)
        slowest = max(slowest, time.thread_time() - began)
        done += 1
thread = threading.Thread(target=go)
thread.start()
thread.join()
print(done, slowest)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_names_do_not_crash_the_process(seed: int) -> None:
    names = "\n".join([*NAMES, *bombs(), *DEEP])

    ended = subprocess.run(  # noqa: S603 -- ourselves
        [sys.executable, "-c", MUTATIONS, str(seed)],
        input=names,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    done, slowest = ended.stdout.split()
    assert int(done) > 1000
    assert float(slowest) < 1


def bombs() -> Iterator[str]:
    for bomb in (itanium_bomb, masked_bomb, pack_bomb, microsoft_bomb, rust_bomb):
        yield from map(bomb, range(2, 14))
