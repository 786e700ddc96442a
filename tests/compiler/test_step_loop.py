"""A program that runs as a loop: all numbers of all steps, against the program run step by step, lane by lane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

pytest.importorskip("autograd")
from compiled import FORCED, few
from random_steps import CARRIED, PARAMETERS, READ, SHARED, Step, numbers, steps

from tinygrad_lite.compiler import step_loop
from tinygrad_lite.compiler.joint_results import KEPT
from tinygrad_lite.compiler.step_loop import StepLoop


def by_hand(step: Step, parameters: Any, start: Any, read: Any, shared: Any, backward: bool) -> Any:
    """All numbers, one lane a column, in the order that StepLoop.run() tells."""
    _, count, lanes = read.shape
    carry = np.empty((CARRIED, count + 1, lanes))
    given, sums = np.empty((len(step.given), count, lanes)), np.zeros((len(step.sums), lanes))
    carry[:, count if backward else 0] = start
    for lane in range(lanes):
        for t in reversed(range(count)) if backward else range(count):
            now, after = (t + 1, t) if backward else (t, t + 1)
            found = step.outputs(parameters, [*carry[:, now, lane], *read[:, t, lane], *shared[:, lane]])
            carry[:, after, lane] = found[:CARRIED]
            given[:, t, lane] = found[CARRIED : CARRIED + len(step.given)]
            sums[:, lane] += found[CARRIED + len(step.given) :]
    return np.concatenate([carry.reshape(-1, lanes), given.reshape(-1, lanes), sums, given.sum(axis=1)])


@settings(max_examples=up_to(120), deadline=None)
@given(steps, st.integers(0, 999), st.booleans(), st.booleans(), st.integers(1, 4), st.sampled_from((1, 2, 5)))
def test_all_numbers_of_all_steps(step: Step, seed: int, backward: bool, frugal: bool, count: int, lanes: int) -> None:
    """Twice, since memory is used again; and the sums over the lanes, which stand in the first."""
    loop = StepLoop(step.program, CARRIED, len(step.given), backward, frugal)
    for turn in range(2):
        parameters = numbers(seed + turn, PARAMETERS)
        start, shared = numbers(seed + 1 + turn, CARRIED, lanes), numbers(seed + 2, SHARED, lanes)
        read = numbers(seed + 3 + turn, READ, count, lanes)
        parts = [read[:1], read[1:]]
        expected = by_hand(step, parameters, start, read, shared, backward)
        found = loop.run(parameters, start, parts, shared, count)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
        over = loop.run(parameters, start, parts, shared, count, True)
        sums = slice(len(found) - len(step.given) - len(step.sums), len(found) - len(step.given))
        np.testing.assert_allclose(over[sums, 0], expected[sums].sum(axis=1), rtol=1e-10, atol=1e-12)
        assert not over[sums, 1:].any()
        over[sums] = found[sums]
        assert (over == found).all()


@pytest.mark.parametrize("most", [0, 1 << 18])
def test_sums_by_lane_or_as_matrix_products(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way is taken depends on how many numbers there are."""
    monkeypatch.setattr(step_loop, "_MANY_SUMS", most)
    step = Step([("mul", 0, 2, 0), ("sin", 7, 0, 0), ("dot", 1, 3, 5)], [7, 8], [9], [9, 2, 7])
    loop = StepLoop(step.program, CARRIED, 1, False)
    start, shared, read = numbers(1, CARRIED, 4), numbers(2, SHARED, 4), numbers(3, READ, 6, 4)
    found = loop.run(numbers(4, PARAMETERS), start, [read], shared, 6)
    np.testing.assert_allclose(found, by_hand(step, numbers(4, PARAMETERS), start, read, shared, False), rtol=1e-11)
    ran = {name for name in ("_summed_by_lane", "_summed_after") if name in vars(loop)}
    assert ran == {"_summed_by_lane" if most else "_summed_after"}


def test_a_frugal_loop_never_holds_more_than_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([("mul", 0, 2, 0), ("sin", 3, 0, 0)], [7, 8], [7], [8])
    sizes = []
    some = step_loop._Room.some
    monkeypatch.setattr(
        step_loop._Room, "some", lambda *args: sizes.extend([part.shape[1] for part in args[2]]) or some(*args)
    )
    for frugal in (False, True):
        sizes.clear()
        loop = StepLoop(step.program, CARRIED, 1, True, frugal)
        loop.run(numbers(4, PARAMETERS), numbers(1, CARRIED, 2), [numbers(3, READ, 6, 2)], numbers(2, SHARED, 2), 6)
        assert set(sizes) == ({1} if frugal else {6})
    assert not KEPT._found


@pytest.mark.parametrize("executor", FORCED)
def test_many_lanes_and_many_steps_on_both_executors(executor: str) -> None:
    """More lanes than a block of either executor has."""
    step = Step([("mul", 0, 2, 0), ("tanh", 7, 0, 0), ("dot", 1, 3, 5), ("sin", 9, 0, 0)], [8, 10], [9], [10])
    for lanes, count, backward in ((1, 3, True), (3, 40, False), (few(5000, 700), 3, True)):
        start, shared, read = numbers(1, CARRIED, lanes), numbers(2, SHARED, lanes), numbers(3, READ, count, lanes)
        loop = StepLoop(step.program, CARRIED, 1, backward, executor=executor)
        found = loop.run(numbers(4, PARAMETERS), start, [read], shared, count)
        some = [0, lanes // 2, lanes - 1]
        expected = by_hand(step, numbers(4, PARAMETERS), start[:, some], read[..., some], shared[:, some], backward)
        np.testing.assert_allclose(found[:, some], expected, rtol=1e-11)
        assert loop._stepped.chosen == executor
