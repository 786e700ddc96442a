"""Ragged sums become one matrix product, and take, pair sums and windows stay what they are: against eager values."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from compiled import FORCED, columns, differences, few

import tinygrad_lite as tl
from tinygrad_lite import Value, nn
from tinygrad_lite.compiler.array.array_executor import ArrayExecutor
from tinygrad_lite.engine import bind

SOURCE = np.random.default_rng(0)
TOKENS, WIDTH = 5, 3


def causal(scores: bool = False) -> Callable[[Any], Any]:
    """What each of five tokens makes of those before it and itself; or how they fit it."""

    def mixed(tokens: Any) -> Any:
        if scores:
            return [[tl.dot(x, y) for y in tokens[: t + 1]] for t, x in enumerate(tokens)]
        shares = [tl.softmax([y[0] for y in tokens[: t + 1]]) for t in range(len(tokens))]
        return [[tl.dot(s, column, -0.0) for column in zip(*tokens[: len(s)], strict=True)] for s in shares]

    return mixed


def attention(heads: int = 1) -> tuple[Callable[[Any], Any], list[Value]]:
    """The loss of causal attention, and its weights."""
    model = nn.Attention(2 * heads, heads, causal=True)
    parameters = model.parameters()
    for p, number in zip(parameters, SOURCE.normal(size=len(parameters)).tolist(), strict=True):
        p.data = number
    return lambda tokens: tl.sum([y.tanh() for row in model(tokens) for y in row]), parameters


def window_sums(filters: int, padding: int) -> tuple[Callable[[Any], Any], list[Value]]:
    model = nn.Sequential(nn.Conv2d(1, filters, 3, padding=padding), nn.Conv2d(filters, 2, 3, padding=padding))
    parameters = model.parameters()
    for p, number in zip(parameters, SOURCE.normal(size=len(parameters)).tolist(), strict=True):
        p.data = number
    return lambda image: tl.sum([y.sin() for channel in model([image]) for row in channel for y in row]), parameters


def letters(rows: int) -> tuple[Callable[..., Any], list[Value]]:
    """Chosen rows of a table, often the same ones."""
    table = [[Value(x) for x in row] for row in SOURCE.normal(size=(rows, WIDTH)).tolist()]
    parameters = list(itertools.chain(*table))
    bind(parameters)

    def loss(indices: Any) -> Any:
        found = [[tl.take(column, k) for column in zip(*table, strict=True)] for k in indices]
        return tl.sum([tl.dot(a, b).tanh() for a, b in itertools.pairwise(found)])

    return loss, parameters


def energy(places: Any) -> Any:
    """A sum over all pairs of bodies."""
    terms = []
    for a, b in itertools.combinations(places, 2):
        d = [x - y for x, y in zip(a, b, strict=True)]
        terms.append(1.0 / tl.sqrt(tl.dot(d, d) + 0.1))
    return tl.sum(terms)


def eager_gradients(loss: Callable[..., Any], parameters: Sequence[Value], rows: Any) -> tuple[float, list[float]]:
    for p in parameters:
        p.grad = 0.0
    total = tl.sum([loss(row) for row in rows.tolist()])
    total.backward()
    return total.data, [p.grad for p in parameters]


@pytest.mark.parametrize("executor", FORCED)
@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (attention, (TOKENS, 2)),
        (lambda: attention(heads=3), (7, 6)),
        (lambda: window_sums(2, 1), (4, 4)),
        (lambda: window_sums(1, 2), (3, 5)),
    ],
)  # fmt: skip
def test_losses_and_gradients_are_the_eager_ones(made: Any, shape: tuple[int, ...], executor: Any) -> None:
    loss, parameters = made()
    run = tl.compile(loss, executor=executor)
    for lanes in (1, 3):
        rows = SOURCE.normal(size=(lanes, *shape))
        expected = eager_gradients(loss, parameters, rows)
        for p in parameters:
            p.grad = 0.0
        total = run.batch(rows, reduce="sum")
        total.backward()
        assert total.data == pytest.approx(expected[0], rel=1e-12)
        assert [p.grad for p in parameters] == pytest.approx(expected[1], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("executor", FORCED)
def test_rows_taken_again_and_again(executor: Any) -> None:
    loss, parameters = letters(4)
    run = tl.compile(loss, executor=executor)
    rows = np.array([[0, 3, 3, 1, 0, 3], [2, 2, 2, 2, 2, 2]], dtype=float)
    expected = eager_gradients(loss, parameters, rows)
    for p in parameters:
        p.grad = 0.0
    run.batch(rows, reduce="sum").backward()
    assert [p.grad for p in parameters] == pytest.approx(expected[1], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("index", [-1.0, 4.0, 0.5, math.nan, math.inf, -1e300])
@pytest.mark.parametrize("executor", FORCED)
def test_a_wrong_row_is_refused(index: float, executor: Any) -> None:
    loss, _ = letters(4)
    run = tl.compile(loss, executor=executor)
    rows = np.array([[0.0, 3.0], [-0.0, 1.0]])
    assert run.batch(rows, reduce=None) == pytest.approx([loss(row).data for row in rows.tolist()])
    rows[1, 1] = index
    with pytest.raises(IndexError, match=r"must be a whole number in 0\.\.3"):
        run.batch(rows, reduce=None)


@pytest.mark.parametrize("executor", FORCED)
def test_pairs(executor: Any) -> None:
    places = SOURCE.normal(size=(4, 6, 3))
    f = tl.value_and_grad(energy)
    value, forces = tl.compile(f, executor=executor).batch(places, reduce=None)
    for lane, some in enumerate(places.tolist()):
        expected, gradient = f(some)
        assert value[lane] == pytest.approx(expected, rel=1e-13)
        assert forces[lane] == pytest.approx(np.array(gradient), rel=1e-12, abs=1e-13)


def random_rows(seed: int) -> Callable[[Any], Any]:
    """Sums of products whose rows are random parts of others, some with weights among them, some with terms added."""
    draw = random.Random(seed)
    parts = [sorted(draw.sample(range(6), draw.randint(1, 6))) for _ in range(draw.randint(2, 6))]
    chosen = [(part, shift, draw.random() < 0.3) for part in parts for shift in range(draw.randint(1, 3))]
    weights = [Value(draw.gauss(0.0, 1.0)) if draw.random() < 0.3 else None for _ in range(6)]

    def function(xs: Any) -> Any:
        given = [x if w is None else w for x, w in zip(xs[:6], weights, strict=True)]
        others = [x.sin() for x in xs[6:]]
        found = []
        for part, shift, more in chosen:
            left = [given[(k + shift) % 6] for k in part]
            found.append(tl.dot(left, [others[k] for k in part], others[0] if more else 0.0))
        return [y.tanh() for y in found]

    return function


@pytest.mark.filterwarnings("ignore")  # of weights that derivatives at numbers cut off
@pytest.mark.parametrize("seed", range(few(60, 10)))
def test_random_ragged_rows(seed: int) -> None:
    f = random_rows(seed)
    lanes = [[SOURCE.normal(size=12).tolist()] for _ in range(3)]
    value = tl.compile(f, executor="array")
    by_lane = value.batch(*columns(lanes), reduce=None)
    derivatives = tl.grad(lambda xs: tl.sum(f(xs)))
    gradient = tl.compile(derivatives, executor="array").batch(*columns(lanes), reduce=None)
    for lane, (xs,) in enumerate(lanes):
        assert by_lane[lane] == pytest.approx(plain(f, xs), rel=1e-12, abs=1e-14)
        assert gradient[lane] == pytest.approx(np.array(derivatives(xs)), rel=1e-11, abs=1e-13)


def test_causal_attention_takes_as_many_products_as_attention_to_all() -> None:
    """Four projections, and in each direction what tokens and heads have in common."""
    found = []
    for causal_or_not in (True, False):
        model = nn.Attention(8, 2, causal=causal_or_not)
        f = tl.compile(lambda tokens, model=model: tl.sum([y**2 for row in model(tokens) for y in row]))
        f.batch(SOURCE.normal(size=(2, 16, 8)), reduce="sum").backward()
        found.append(f.array.plain.products)
        assert f.array.program.padded if causal_or_not else not f.array.program.padded
    assert found[0] <= found[1] + 2, "at most one shorter product in each direction is left"


def test_heads_are_one_stack() -> None:
    """In each direction, however many there are."""
    found = []
    for heads in (1, 4):
        model = nn.Attention(12, heads)
        f = tl.compile(lambda tokens, model=model: tl.sum([y**2 for row in model(tokens) for y in row]))
        f.batch(SOURCE.normal(size=(2, 6, 12)), reduce="sum").backward()
        found.append(f.array.plain.products)
    assert found[0] == found[1]


def test_windows_beyond_the_edge_are_in_the_same_product() -> None:
    for padding in (0, 1):
        loss, _ = window_sums(2, padding)
        f = tl.compile(lambda image, loss=loss: loss(image), executor="array")
        f.batch(np.ones((2, 6, 6)))
        forward = [g for g in f.array.groups if g.product is not None and g.product.crossed and g.product.shared]
        assert len(forward) == 2 + 1, "two convolutions and the derivative by the first one's results"


@pytest.mark.parametrize(("count", "padded"), [(1, 1), (2, 0)])
def test_too_ragged_rows_stay_as_they_are(count: int, padded: int) -> None:
    """At most twice as many products are computed as are needed: 2 * 30 are, for 30 + 2 products, but not 3 * 30."""

    def function(xs: Any) -> Any:
        sines = [x.sin() for x in xs]
        long = tl.dot([x.exp().cos() for x in xs], sines)
        return [long, *[tl.dot([xs[k].cos().exp(), xs[k].exp().sin()], sines[:2]) for k in range(count)]]

    f = tl.compile(function, executor="array")
    xs = SOURCE.normal(size=(2, 30))
    assert f.batch(xs, reduce=None)[0] == pytest.approx(plain(function, xs[0]), rel=1e-12)
    assert len(f.array.program.padded) == padded


def test_a_part_of_one_row_is_not_a_part_of_all() -> None:
    def function(xs: Any) -> Any:
        a, b, c = ([f(x) for x in xs[:4]] for f in (tl.sin, tl.cos, tl.tanh))
        rows = [[x.exp().cos() for x in xs[k : k + 4]] for k in range(4)]
        whole = [tl.dot(row, column) for row in rows[:2] for column in (a, b)]
        return [*whole, *[tl.dot(rows[2][:2], column) for column in (a[:2], c[:2])]]

    f = tl.compile(function, executor="array")
    xs = SOURCE.normal(size=(3, 8))
    assert f.batch(xs, reduce=None)[2] == pytest.approx(plain(function, xs[2]), rel=1e-12)


def plain(function: Callable[[Any], Any], xs: Any) -> list[float]:
    return [y.data for y in function([Value(float(x)) for x in xs])]


@pytest.mark.parametrize(("seen", "sums"), [(2, 2 * 20 - 1), (20, 20 * 20)])
def test_missing_sums_are_bounded_too(seen: int, sums: int) -> None:
    """A token that sees few others needs little of what all tokens have in common."""

    def function(xs: Any) -> Any:
        keys, asked = [[x.sin(), x.cos()] for x in xs], [[x.sin().exp(), x.cos().exp()] for x in xs]
        return [[tl.dot(asked[t], key) for key in keys[max(0, t + 1 - seen) : t + 1]] for t in range(len(xs))]

    f = tl.compile(function, executor="array")
    f.batch(SOURCE.normal(size=(2, 20)), reduce=None)
    assert sum([len(group.members) for group in f.array.groups if group.product is not None]) == sums


def test_sums_with_terms_are_not_filled_up() -> None:
    def function(xs: Any) -> Any:
        rows = [[x.sin(), x.cos()] for x in xs]
        return [[tl.dot(x, y, xs[t]) for y in rows[: t + 1]] for t, x in enumerate(rows)]

    f = tl.compile(function, executor="array")
    f.batch(SOURCE.normal(size=(2, 5)), reduce=None)
    assert sum([len(group.members) for group in f.array.groups if group.product is not None]) == 15


@pytest.mark.parametrize("causal_or_not", [True, False])
def test_token_by_token_is_as_all_tokens_at_once(causal_or_not: bool) -> None:
    """In whichever order the factors were made: what is read of other tokens, and the shares of these."""
    width, count = 4, 6
    matrices = [[[Value(x) for x in row] for row in m] for m in SOURCE.normal(size=(3, width, width)).tolist()]

    def loss(tokens: Any, at_once: bool) -> Any:
        made = [[[tl.dot(row, token) for row in matrix] for matrix in matrices] for token in tokens]
        if at_once:
            made = list(zip(*[[[tl.dot(row, x) for row in m] for x in tokens] for m in matrices], strict=True))
        found = []
        for t, (query, _, _) in enumerate(made):
            seen = made[: t + 1] if causal_or_not else made
            shares = tl.softmax([tl.dot(query, key) for _, key, _ in seen])
            found += [tl.dot(shares, column) for column in zip(*[worth for _, _, worth in seen], strict=True)]
        return tl.sum([y.tanh() for y in found])

    products = []
    for at_once in (True, False):
        f = tl.compile(lambda tokens, at_once=at_once: loss(tokens, at_once), executor="array")
        f.batch(SOURCE.normal(size=(2, count, width)), reduce="sum").backward()
        products.append(f.array.plain.products)
    assert products[0] == products[1] < 10


def test_weights_that_are_computed_stay_weights() -> None:
    """What all lanes share is on the left, so that one product serves all lanes, though it is of a lower level."""
    weights = [[Value(x) for x in row] for row in SOURCE.normal(size=(4, 3)).tolist()]

    def function(xs: Any) -> Any:
        hidden = [x.sin().exp().tanh() for x in xs]
        return [tl.dot([w.exp() for w in row], hidden) for row in weights]

    f = tl.compile(function, executor="array")
    f.batch(SOURCE.normal(size=(2, 3)), reduce=None)
    assert [group.product.shared for group in f.array.groups if group.product is not None] == [True]


def test_rows_of_a_dot_stay_rows() -> None:
    """Though of the pairs in it, the one factor comes first in some, and the other one in others."""

    def function(xs: Any) -> Any:
        first, second = [[x.sin(), x.exp()] for x in xs], [[x.cos(), x.tanh()] for x in xs]
        return [[b for _, b in second], [[tl.dot(a, b) for b in second] for a in first]]

    f = tl.compile(function, executor="array")
    f.batch(SOURCE.normal(size=(2, 4)), reduce=None)
    assert len([group for group in f.array.groups if group.product is not None]) == 1


def test_what_all_lanes_share_is_no_stack() -> None:
    p, q = ([Value(x) for x in SOURCE.normal(size=6).tolist()] for _ in range(2))

    def loss(x: Any) -> Any:
        products = [p[2 * k + i].sin() * q[2 * k + j].sin() for k in range(3) for i in range(2) for j in range(2)]
        return tl.sum([(x * y).tanh() for y in products])

    rows = SOURCE.normal(size=4)
    expected = eager_gradients(loss, [*p, *q], rows)
    for v in (*p, *q):
        v.grad = 0.0
    tl.compile(loss, executor="array").batch(rows, reduce="sum").backward()
    assert [v.grad for v in (*p, *q)] == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 1e200])
@pytest.mark.parametrize("executor", FORCED)
def test_a_token_that_is_not_seen_does_not_matter(number: float, executor: Any) -> None:
    """Whatever it is: a zero in its place would make it nan."""
    f = causal()
    run = tl.compile(f, executor=executor)
    lanes = SOURCE.normal(size=(3, TOKENS, WIDTH))
    lanes[1, -1, 1] = number
    for rows in (lanes, lanes[:1], lanes[1:2], lanes):
        found = run.batch(rows, reduce=None)
        for lane, row in enumerate(rows.tolist()):
            eager = f([list(map(Value, token)) for token in row])
            assert not differences(found[lane].tolist(), eager, 64.0, 64.0)
        if executor == "array":
            assert run.array.program.padded


def test_what_is_not_finite_is_found_among_blocks_of_lanes() -> None:
    f = causal()
    run = tl.compile(f, executor="array")
    lanes = SOURCE.normal(size=(7, TOKENS, WIDTH))
    lanes[4, -1] = math.inf
    run.batch(lanes, reduce=None)
    run.array.most_lanes = 2
    found = run.batch(lanes, reduce=None)
    assert not differences(found[5].tolist(), f([list(map(Value, token)) for token in lanes[5].tolist()]), 64.0, 64.0)
    assert np.isfinite(found[4, :-1]).all() and not np.isfinite(found[4, -1]).any()


def test_sums_over_lanes_where_numbers_are_not_finite() -> None:
    f = causal()
    weights = [Value(0.5), Value(-1.0)]

    def loss(tokens: Any) -> Any:
        """The last token's results are not used, so that the loss is finite."""
        return tl.sum([weights[0] * y + weights[1] for row in f(tokens)[:-1] for y in row])

    lanes = SOURCE.normal(size=(4, TOKENS, WIDTH))
    lanes[2, -1, 1:] = math.inf
    run = tl.compile(loss, executor="array")
    total = run.batch(lanes, reduce="sum")
    total.backward()
    assert math.isfinite(total.data) and all(math.isfinite(w.grad) for w in weights)


@pytest.mark.parametrize("executor", FORCED)
def test_zeros_keep_their_signs(executor: Any) -> None:
    """The first token has one product, whose zero may be -0.0; scores that are missing are not results."""
    tokens = [[-0.0] * WIDTH, *SOURCE.normal(size=(TOKENS - 1, WIDTH)).tolist()]
    tokens[0][0] = 1.0
    found = tl.compile(causal(), executor=executor).batch(np.array([tokens] * 2), reduce=None)
    assert np.signbit(found[:, 0, 1:]).all()
    scores = tl.compile(causal(scores=True), executor=executor)(tokens)
    assert [len(row) for row in scores] == [1, 2, 3, 4, 5]
    assert not differences(scores, causal(scores=True)([list(map(Value, token)) for token in tokens]), 64.0)


def test_an_executor_without_padding_gives_the_same() -> None:
    loss, _ = attention(heads=2)
    run = tl.compile(loss, executor="array")
    rows = SOURCE.normal(size=(5, TOKENS, 4))
    run.batch(rows, reduce=None)
    program, numbers = run.passes["sums of products"], np.array([p.data for p in run.leaves[1]])
    inputs = rows.reshape(5, -1).T
    padded, straight = (ArrayExecutor(program, padded=some) for some in (True, False))
    assert padded.plain.products < straight.plain.products
    assert padded.run(numbers, inputs) == pytest.approx(straight.run(numbers, inputs), rel=1e-13)


def test_scaled_tokens_are_laid_out_as_the_next_layer_reads_them() -> None:
    scale, layer = nn.RMSNorm(8), nn.Linear(8, 5, bias=False)
    f = tl.compile(lambda tokens: [layer(scale(token)) for token in tokens], executor="array")
    f.batch(SOURCE.normal(size=(2, 6, 8)), reduce=None)
    run = f.source.partition("def run():")[2]
    assert [run.count(call) for call in ("take_v(", "multiply(", "dot(")] == [1, 2, 1]


def test_a_stack_is_laid_out_as_it_is_read() -> None:
    layer = nn.Linear(8, 5, bias=False)

    def function(tokens: Any) -> Any:
        scaled = [[x * scale for x in token] for token in tokens for scale in [tl.dot(token, token).exp()]]
        return layer(scaled)

    f = tl.compile(function, executor="array")
    f.batch(SOURCE.normal(size=(2, 6, 8)), reduce=None)
    assert "take_v(" not in f.source.partition("def run():")[2]


def test_sums_over_tokens_and_lanes_copy_only_the_side_that_is_in_pieces() -> None:
    layer, functions = nn.Linear(8, 5, bias=False), (tl.tanh, tl.sin)

    def loss(tokens: Any) -> Any:
        return tl.sum([functions[t % 2](y) for t, row in enumerate(layer(tokens)) for y in row])

    f = tl.compile(loss, executor="array")
    f.batch(SOURCE.normal(size=(2, 6, 8)), reduce="sum").backward()
    gathered = [rows for rows in f.array.plain.layout.indices.values() if rows.shape == (8, 6)]
    assert len(gathered) == 1 and sorted(gathered[0].ravel()) == list(range(48)), "the tokens, in the order of lanes"
    assert all(np.diff(rows).min() > 0 for rows in gathered)


def test_windows_with_a_bias_leave_the_image_in_one_piece() -> None:
    """The factor 1.0 of the bias stands in a row of its own, not among the pixels."""
    loss, _ = window_sums(2, 1)
    f = tl.compile(loss, executor="array")
    f.batch(np.ones((2, 6, 6)))
    assert f.array.plain.layout.inputs == list(range(36))


def test_tables_of_parameters_are_not_copied() -> None:
    loss, _ = letters(4)
    f = tl.compile(loss, executor="array")
    f.batch(np.zeros((2, 3)))
    assert "take_evenly0(P," in f.source and "take_p(" not in f.source


def test_pairs_are_read_as_the_sums_over_coordinates_want_them() -> None:
    f = tl.compile(energy, executor="array")
    f.batch(SOURCE.normal(size=(2, 6, 3)), reduce=None)
    assert f.source.count("take_v(") == 2, "the two bodies of each pair; the differences are laid out by coordinate"
