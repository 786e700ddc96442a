"""Some of the random programs in every run; python tests/tools/random_programs.py runs any number of them."""

from __future__ import annotations

import pytest
from compiled import few
from drawn_programs import Drawn, Step, drawn
from random_programs import check, differences_of_engines
from thoroughness import up_to

import tinygrad_lite as tl

CHUNK = 25
TRIED = up_to(CHUNK)
pytestmark = pytest.mark.filterwarnings("ignore")  # of numpy, and of leaves that derivatives at numbers cut off


@pytest.mark.parametrize("first", range(0, few(400, 75), CHUNK))
def test_every_way_gives_the_same(first: int) -> None:
    judged = 0
    for seed in range(first, first + TRIED):
        wrong, known = check(drawn(seed))
        assert not wrong, (drawn(seed), wrong)
        judged += known
    assert judged > TRIED // 2, "too few have derivatives that can be judged"


@pytest.mark.skipif(not tl.engine.compiled, reason="two engines are needed")
def test_both_engines_give_the_same_bits() -> None:
    assert not differences_of_engines(10_000, up_to(100))


def test_pytorch_gives_the_same() -> None:
    pytest.importorskip("torch")
    from random_programs_torch import check as against_torch

    for seed in range(up_to(100)):
        assert not check(drawn(seed), torch=True)[0], drawn(seed)
    wrong = Drawn(0, (Step("sin", (0,)),), (0.5,), (), ())
    assert against_torch(wrong, [0.0, 0.0], [0.0, 0.0]), "the comparison sees a wrong number"


def test_a_wrong_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail proves nothing."""
    program = Drawn(0, (Step("logaddexp", (0, 0)), Step("relu", (1,))), (0.7,), (0.5,), ((0.1,), (0.2,), (2.0,)))
    assert check(program) == ([], True)
    row = tl.ops.logaddexp
    by_first, by_second = row.rules
    assert by_first is not None
    monkeypatch.setattr(row, "rules", (lambda g, y, a, b: by_first(g, y, a, b) * 1.000001, by_second))
    monkeypatch.setattr(row, "value", lambda a, b: a)
    assert check(program)[0]
