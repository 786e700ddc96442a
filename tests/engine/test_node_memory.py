"""Where Values lie in memory: places are used again, what is kept is bounded, and a graph ends without recursion."""

from __future__ import annotations

import random
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine

compiled_only = pytest.mark.skipif(not engine.compiled, reason="Python gives the readable engine its memory")
living = engine.values.living
AN_ARENA = 11_000  # Values, some more than it holds


def chain(nodes: int, start: Value) -> Value:
    y = start
    for _ in range(nodes):
        y = y + 1.0
    return y


@compiled_only
def test_values_are_counted() -> None:
    before = living()
    x = Value(0.0)
    y = chain(1000, x)
    assert living() == before + 1001
    del y
    assert living() == before + 1
    del x
    assert living() == before


def test_places_that_are_used_again_hold_one_value_each() -> None:
    """Arenas fill, empty in any order, and fill again, in part and as a whole."""
    draw = random.Random(0)
    held: dict[int, Value] = {}
    before, made = living(), 0
    for most in (5 * AN_ARENA, AN_ARENA // 2, 3 * AN_ARENA, 0, 2 * AN_ARENA, AN_ARENA, 0):
        while len(held) < most:
            held[made] = Value(float(made))
            made += 1
        for key in draw.sample(sorted(held), len(held) - most) if draw.random() < 0.5 else sorted(held)[most:]:
            del held[key]
        assert all(v.data == key for key, v in held.items())
        assert len({id(v) for v in held.values()}) == most
        assert living() - before == (most if engine.compiled else 0)


IN_A_CHILD = """
import sys
from pathlib import Path
from tinygrad_lite import Value

def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def graph(nodes):
    y = Value(1.0)
    for _ in range(nodes): y = y + 1.0

graph(100)
before = resident()
graph(1_000_000)
kept = resident() - before
import resource
graph(100_000)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
graph(100_000)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""


@compiled_only
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_a_graph_is_kept_up_to_a_bound() -> None:
    """A million nodes take 96 MB, of which 16 MiB stay. The next graph takes these, and asks the system for none."""
    command = [sys.executable, "-c", IN_A_CHILD]
    out = subprocess.run(command, cwd=Path(tl.__file__).parents[1], capture_output=True, text=True, check=True)
    kept, faults = map(int, out.stdout.split())
    assert 12 << 20 < kept < 20 << 20
    assert faults < 100, "of 2,400 pages"


def test_a_chain_through_nodes_of_many_arguments_ends_without_recursion() -> None:
    before = living()
    y = Value(1.0)
    for k in range(100_000):
        y = tl.sum([y, 1.0]) if k % 3 else -y
    del y
    assert living() == before


def test_values_that_are_made_and_end_while_others_end() -> None:
    """The ends of Values run callbacks of weak references, which see no Value that is half dead."""
    x = Value(1.0)
    y = x
    seen: list[tuple[float, bool]] = []
    watched: list[weakref.ref[Value]] = []

    def ended(_: object) -> None:
        inner = chain(300, x)
        alive = [v for v in (ref() for ref in watched) if v is not None]
        seen.append((inner.data, all(v.parents for v in alive)))

    for k in range(600):
        y = y * 1.0 if k % 2 else tl.sum([y, 0.0])
        if k % 20 == 0:
            watched.append(weakref.ref(y, ended))
    before = living()
    del y
    assert seen == [(301.0, True)] * 30
    assert living() == (before - 600 if engine.compiled else before)
