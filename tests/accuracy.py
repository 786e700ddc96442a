"""Functions of floats against mpmath (60 digits) in ulps: where to compare them, and how far off they are."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import mpmath  # type: ignore[import-untyped]

inf, nan = math.inf, math.nan
MAX, TINY = math.nextafter(inf, 0.0), 5e-324
BOUND = 4.0
SPECIAL = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 1e22, TINY, -TINY, 1e308, -1e308, inf, -inf, nan)
ANY = ((-1e-320, 1e-290), (-1e-12, 10.0))
NEAR_1 = (math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0))
HUGE = (0.0, -0.0, TINY, -TINY, 1e-310, 1e22, -1e22, 1e308, -1e308, MAX)


def ulps(got: float, true: Any, scale: float = 0.0) -> float:
    """Distance in units in the last place of the true value, or of scale if that is larger; inf counts as 2**1024."""
    if math.isnan(got) or mpmath.isnan(true):
        return 0.0 if math.isnan(got) and mpmath.isnan(true) else inf
    end = mpmath.mpf(2) ** 1024
    exact = math.copysign(1.0, got) * end if math.isinf(got) else mpmath.mpf(got)
    true = max(-end, min(end, true))
    return float(abs(exact - true) / mpmath.mpf(math.ulp(min(MAX, max(abs(float(true)), scale)))))


def signed(rng: random.Random, low: float, high: float) -> float:
    """Log-uniform in magnitude, with the sign of the bounds; with any sign if low is negative and high is not."""
    sign = rng.choice((-1.0, 1.0)) if low < 0.0 < high else math.copysign(1.0, high)
    low, high = sorted((abs(low), abs(high)))
    return sign * math.exp(rng.uniform(math.log(low), math.log(high)))


@dataclass(frozen=True)
class Case:
    """A function, its true value, and where to compare the two."""

    truth: Callable[..., Any]
    ranges: tuple[tuple[float, float], ...] = ()  # of magnitudes, log-uniform; (-1e-5, 10.0) is 1e-5 to 10, both signs
    uniform: tuple[tuple[float, float], ...] = ()
    edges: tuple[Any, ...] = ()
    draw: Callable[[random.Random], tuple[Any, ...]] | None = None  # for functions of several arguments
    scale: Callable[..., float] = lambda *_: 0.0  # near roots: the size of what cancels
    count: int = 250

    def points(self, name: str) -> list[tuple[Any, ...]]:
        rng = random.Random(name)
        points = [edge if isinstance(edge, tuple) else (edge,) for edge in self.edges]
        for _ in range(self.count):
            points += [(signed(rng, *bounds),) for bounds in self.ranges]
            points += [(rng.uniform(*bounds),) for bounds in self.uniform]
            points += [self.draw(rng)] if self.draw else []
        return points


def exact(argument: Any) -> Any:
    return [mpmath.mpf(x) for x in argument] if isinstance(argument, list) else mpmath.mpf(argument)


class Accuracy:
    """The promised accuracy of a module's functions, by case: "mills 2" is mills with 2 as its first argument."""

    def __init__(self, module: ModuleType, cases: Mapping[str, Case]) -> None:
        self.module, self.cases = module, cases

    def function(self, name: str) -> Callable[..., float]:
        name, _, order = name.partition(" ")
        found: Callable[..., float] = getattr(self.module, name)
        return (lambda x: found(float(order), x)) if order else found

    def errors(self, name: str, points: list[tuple[Any, ...]], tried: Callable[..., float]) -> list[float]:
        case = self.cases[name]
        with mpmath.workdps(60):
            return [ulps(tried(*point), case.truth(*map(exact, point)), case.scale(*point)) for point in points]

    def is_within_four_ulps(self, name: str) -> None:
        points = self.cases[name].points(name)
        errors = self.errors(name, points, self.function(name))
        worst = max(range(len(points)), key=errors.__getitem__)
        assert errors[worst] <= BOUND, f"{name}{points[worst]} is off by {errors[worst]} ulps"

    def would_show_ten_ulps(self, name: str) -> None:
        right = self.function(name)

        def wrong(*arguments: Any) -> float:
            y = right(*arguments)
            return y + 10.0 * math.ulp(y) if math.isfinite(y) else y

        assert max(self.errors(name, self.cases[name].points(name)[-25:], wrong)) > BOUND

    def is_missed_by(self, formulas: Mapping[str, Callable[..., float]]) -> None:
        for name, formula in formulas.items():
            assert max(self.errors(name, self.cases[name].points(name), formula)) > 2.0 * BOUND, name

    def has_a_case_for_each(self) -> None:
        """Each function is called by its name; functions imported from another module are tested with that module."""
        public = {
            name
            for name, value in vars(self.module).items()
            if callable(value) and not name.startswith("_") and value.__module__ in (self.module.__name__, "math")
        }
        assert public == {name.partition(" ")[0] for name in self.cases}
        assert all(getattr(self.module, name).__name__ == name for name in public)

    def has_special_value(self, name: str, point: tuple[Any, ...], expected: float) -> None:
        assert str(self.function(name)(*point)) == str(expected)

    def never_raises(self, name: str) -> None:
        ours = self.function(name)
        first = self.cases[name].points(name)[0]
        of_many = isinstance(first[0], list)
        for point in itertools.product(SPECIAL, repeat=3 if of_many else len(first)):
            args = (list(point[len(first) - 1 :]), *point[: len(first) - 1]) if of_many else point
            assert type(ours(*args)) is float, (name, args)


def imports(module: ModuleType) -> tuple[list[str], list[str | None]]:
    """The modules that a file imports, and those from which it imports names."""
    tree = ast.parse(inspect.getsource(module))
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    return names, [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
