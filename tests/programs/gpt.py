"""A language model on scalars: every weight, activation and gradient is a Value of whatever class is handed in.

One transformer layer of width 16 with 4 heads learns to spell the names of Python's standard modules, letter by letter,
with Adam. Of a Value it asks what people's own small classes have: + - * / by Values and numbers, ** by a number,
exp, log, relu, data, grad and backward.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

WIDTH, HEADS, POSITIONS = 16, 4, 16
LETTERS = "abcdefghijklmnopqrstuvwxyz"
END = len(LETTERS)
VOCABULARY = len(LETTERS) + 1

Vector = Sequence[Any]
Matrix = Sequence[Vector]


def words() -> list[str]:
    """The standard library's modules, public ones whose names are lower-case letters, shuffled."""
    found = sorted(n for n in sys.stdlib_module_names if set(n) <= set(LETTERS) and 2 <= len(n) < POSITIONS)
    random.Random(3).shuffle(found)
    return found


def tokens(word: str) -> list[int]:
    """The word's letters as numbers, between two END marks."""
    return [END, *(LETTERS.index(letter) for letter in word), END]


def linear(weights: Matrix, x: Vector) -> list[Any]:
    return [sum(wi * xi for wi, xi in zip(row, x, strict=True)) for row in weights]


def add(a: Vector, b: Vector) -> list[Any]:
    return [ai + bi for ai, bi in zip(a, b, strict=True)]


def softmax(logits: Vector) -> list[Any]:
    top = max(v.data for v in logits)
    exps = [(v - top).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rms_norm(x: Vector) -> list[Any]:
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


class GPT:
    """The weights, and what they do with one token after another."""

    def __init__(self, value: Callable[[float], Any], seed: int = 42) -> None:
        draw = random.Random(seed)

        def matrix(rows: int, columns: int) -> list[list[Any]]:
            return [[value(draw.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.letter = matrix(VOCABULARY, WIDTH)
        self.position = matrix(POSITIONS, WIDTH)
        self.query, self.key, self.worth, self.merge = (matrix(WIDTH, WIDTH) for _ in range(4))
        self.widen = matrix(4 * WIDTH, WIDTH)
        self.narrow = matrix(WIDTH, 4 * WIDTH)
        self.read_out = matrix(VOCABULARY, WIDTH)
        matrices = [self.letter, self.position, self.query, self.key, self.worth, self.merge]
        matrices += [self.widen, self.narrow, self.read_out]
        self.parameters = [p for m in matrices for row in m for p in row]

    def logits(self, token: int, place: int, keys: list[Vector], worths: list[Vector]) -> list[Any]:
        """Scores of every token to come next; the caller keeps the keys and worths of the tokens before."""
        x = rms_norm(add(self.letter[token], self.position[place]))
        x = add(x, self.attend(rms_norm(x), keys, worths))
        hidden = [h.relu() for h in linear(self.widen, rms_norm(x))]
        x = add(x, linear(self.narrow, hidden))
        return linear(self.read_out, x)

    def attend(self, x: Vector, keys: list[Vector], worths: list[Vector]) -> list[Any]:
        query = linear(self.query, x)
        keys.append(linear(self.key, x))
        worths.append(linear(self.worth, x))
        size = WIDTH // HEADS
        heads: list[Any] = []
        for start in range(0, WIDTH, size):
            part = slice(start, start + size)
            scores = [sum(q * k for q, k in zip(query[part], key[part], strict=True)) / size**0.5 for key in keys]
            shares = softmax(scores)
            for j in range(start, start + size):
                heads.append(sum(share * worth[j] for share, worth in zip(shares, worths, strict=True)))
        return linear(self.merge, heads)

    def loss(self, word: str) -> Any:
        """Mean of -log(probability of the letter that follows) over the word."""
        keys: list[Vector] = []
        worths: list[Vector] = []
        losses = []
        spelled = tokens(word)
        for place in range(len(spelled) - 1):
            probabilities = softmax(self.logits(spelled[place], place, keys, worths))
            losses.append(-probabilities[spelled[place + 1]].log())
        return sum(losses) / len(losses)


class Adam:
    """Kingma and Ba, "Adam: a method for stochastic optimization" (2015), on single numbers."""

    def __init__(self, parameters: Sequence[Any], rate: float = 0.01) -> None:
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.mean = [0.0] * len(parameters)
        self.square = [0.0] * len(parameters)

    def step(self) -> None:
        self.steps += 1
        for k, p in enumerate(self.parameters):
            self.mean[k] = 0.85 * self.mean[k] + 0.15 * p.grad
            self.square[k] = 0.99 * self.square[k] + 0.01 * p.grad**2
            mean = self.mean[k] / (1 - 0.85**self.steps)
            square = self.square[k] / (1 - 0.99**self.steps)
            p.data -= self.rate * mean / (square**0.5 + 1e-8)
            p.grad = 0


def train(value: Callable[[float], Any], spellings: Sequence[str]) -> list[float]:
    """Loss at each word, with one step of Adam after it."""
    model = GPT(value)
    adam = Adam(model.parameters)
    losses = []
    for word in spellings:
        loss = model.loss(word)
        loss.backward()
        adam.step()
        losses.append(float(loss.data))
    return losses
