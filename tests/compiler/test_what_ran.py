"""The program that ran can be read: operations, source, summary; a compiled function looks like the function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from compiled import FORCED

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, engine
from tinygrad_lite.errors import HistoryError


def test_the_program_that_ran_can_be_read() -> None:
    f = compile(lambda x, y: tl.tanh(x * y + 2.0) + 0.0 * x)
    for read in (lambda: f.program, lambda: f.source, lambda: f.summary, lambda: f.passes):
        with pytest.raises(HistoryError, match="was not called yet"):
            read()
    assert "compiled <lambda>" in repr(f)
    f(0.5, 1.0)
    program = f.program
    assert str(program).splitlines() == list(program.lines()) and len(program) == len(list(program.lines()))
    assert [line for line in program.lines() if "tanh(" in line] and "output 0" in str(program)
    counts = program.counts()
    assert counts["input"] == 2 and counts["tanh"] == 1 and sum(counts.values()) == len(program)
    assert list(f.passes) == ["traced", "sums of products"]
    assert f.passes["traced"] is program
    assert f"{len(program)} nodes" in f.summary and f.summary in repr(f)


def test_equal_operations_stand_once() -> None:
    f = compile(lambda x: tl.sin(x) * tl.sin(x) + tl.exp(tl.sin(x)))
    f(0.5)
    assert f.program.counts()["sin"] == 1
    g = compile(lambda x: tl.sin(2.0) * x + tl.exp(Value(1.0)) * x)
    assert g(1.0) == pytest.approx(math.sin(2.0) + math.e)
    assert g.program.counts()["sin"] == g.program.counts()["exp"] == 0


def test_the_source_is_what_runs() -> None:
    """With few lanes it does."""
    f, xs = compile(lambda x: tl.tanh(x) * 3.0, executor="array"), np.linspace(-2.0, 2.0, 600)
    assert f.batch(xs, reduce=None) == pytest.approx(3 * np.tanh(xs))
    assert "tanh" in f.source and "multiply" in f.source
    compiled = __builtins__["compile"] if isinstance(__builtins__, dict) else __builtins__.compile
    names: dict[str, Any] = {**f.array.plain.layout.indices}
    exec(compiled(f.source.replace("xp.tanh", "xp.sin"), "<changed>", "exec"), names)
    f.array.plain.bind = names["bind"]
    f.array._idle.clear()
    assert f.batch(xs, reduce=None) == pytest.approx(3 * np.sin(xs))


@pytest.mark.parametrize("executor", FORCED)
def test_the_summary_says_which_executor_ran(executor: Any) -> None:
    f = compile(lambda x: tl.dot(x, x), executor=executor)
    f([1.0, 2.0])
    assert f"the {executor} executor ran it" in f.summary
    f.batch(np.ones((5, 2)))
    assert f"the {executor} executor ran it" in f.summary


def test_what_does_not_run_is_not_made() -> None:
    """Neither for the choice nor for the summary."""
    f = compile(lambda x: tl.sum([tl.exp(tl.sin(k * x)) for k in range(1, 1000)]))
    f(0.5)
    execution, chosen = f._ran(), "native" if engine.compiled else "array"
    assert f"the {chosen} executor ran it" in f.summary
    assert (execution._array if engine.compiled else execution._native) is None
    w = [[Value(0.01 * i * j) for j in range(30)] for i in range(30)]
    g = compile(lambda xs: [tl.dot(row, xs) for row in w])
    g.batch(np.ones((200, 30)), reduce=None)
    execution = g._ran()
    made = {"plain", "swept"} & vars(execution.array).keys()
    assert "the array executor ran it" in g.summary and execution._native is None and len(made) == 1


def test_a_matrix_product_is_found() -> None:
    w = [[Value(float(i * 3 + j)) for j in range(3)] for i in range(4)]
    f = compile(lambda x: [tl.dot(row, x) for row in w], executor="array")
    assert f.batch(np.ones((50, 3)), reduce=None).shape == (50, 4)
    assert "1 of them matrix products" in f.summary


def test_a_compiled_function_looks_like_the_function() -> None:
    @compile
    def named(x: Any) -> Any:
        """What it does."""
        return x

    assert named.__name__ == "named" and named.__doc__ == "What it does." and named.__wrapped__(3) == 3
    assert repr(named) == "<compiled named>"
    assert compile(compile(lambda x: 2.0 * x))(2.0) == 4.0
    assert compile(math.prod)([2.0, 3.0]) == 6.0
