"""Colourings: what is computed together can be told apart, and colours are few."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

from tinygrad_lite.transforms.colouring import colours_apart, star_colours, transposed

PLACES: Any = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60)


def rows_of(places: set[tuple[int, int]], count: int = 12) -> list[set[int]]:
    return [{j for i, j in places if i == row} for row in range(count)]


@given(PLACES)
def test_no_row_has_two_columns_of_one_colour(places: set[tuple[int, int]]) -> None:
    rows = rows_of(places)
    colours = colours_apart(transposed(rows, 12), len(rows))
    assert all(len({colours[j] for j in row}) == len(row) for row in rows)


@settings(max_examples=up_to(400))
@given(PLACES)
def test_each_entry_of_a_symmetric_matrix_is_alone_in_a_sum_of_rows(places: set[tuple[int, int]]) -> None:
    near = rows_of(places | {(j, i) for i, j in places})
    colours = star_colours(near)
    for i in range(12):
        for j in near[i]:
            ends = ((i, j),) if i == j else ((i, j), (j, i))
            assert any([colours[k] for k in near[a]].count(colours[b]) == 1 for a, b in ends), (i, j)


def grid(m: int) -> list[set[int]]:
    at = [(i, j) for i in range(m) for j in range(m)]
    return [{k for k, (a, b) in enumerate(at) if abs(a - i) + abs(b - j) <= 1} for i, j in at]


@pytest.mark.parametrize(
    ("near", "by_stars", "by_columns"),
    [
        ([{j for j in (i - 1, i, i + 1) if 0 <= j < 50} for i in range(50)], 3, 3),
        ([set(range(50)), *[{0, i} for i in range(1, 50)]], 2, 50),
        ([{5 * (i // 5) + k for k in range(5)} for i in range(50)], 5, 5),
        ([{i} for i in range(50)], 1, 1),
        ([set() for _ in range(50)], 1, 1),
        ([set(range(50)) for _ in range(50)], 50, 50),
        (grid(8), 5, 7),
    ],
    ids=["tridiagonal", "arrow", "blocks", "diagonal", "nothing", "dense", "grid"],
)
def test_how_many_colours_there_are(near: list[set[int]], by_stars: int, by_columns: int) -> None:
    assert len(set(star_colours(near))) == by_stars
    assert len(set(colours_apart(near, len(near)))) == by_columns
