"""W4, chains of ten thousand to ten million nodes, and how much memory a node takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .chain import NODES, our_phases, ours
from .measuring import Findings, Spread, Unit, can_measure_memory, in_child, most_memory, own_row, ratio_row

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PHASES = ("forward", "backward", "freeing")
A_NODE = Unit("ns a node", 1.0)


def bytes_a_node(nodes: int) -> float:
    """Most memory held over one forward and backward, above what was held before, in a fresh process."""
    ours(NODES // 100)
    forward, backward, _ = our_phases(nodes)
    held: list[Any] = []

    def both() -> None:
        forward(held)
        backward(held)

    return most_memory(both) / nodes


def memory(_: str, quick: bool) -> Findings:
    """Some of 10,000 nodes fit into memory that the process already holds; a million do not."""
    if not can_measure_memory():
        return Findings(remarks=["memory left out: it is read from /proc, which is not here"])
    findings = Findings()
    for nodes in (NODES, 100 * NODES):
        samples = [in_child(bytes_a_node, nodes) for _ in range(2 if quick else 5)]
        findings.rows.append(own_row(f"memory, {_short(nodes)} nodes", "bytes a node", samples, (112, 80)))
    return findings


def nanoseconds_a_node(nodes: int) -> list[float]:
    """Forward, backward and freeing of one chain of ours, in a fresh process."""
    contender = ours(nodes)  # it has run once by then
    return [seconds / nodes * 1e9 for seconds in contender.run(max(1, 200_000 // nodes))]


def scaling(_: str, quick: bool) -> Findings:
    """Each size runs in a process of its own, in turns."""
    sizes = SIZES[:-1] if quick else SIZES
    samples: dict[int, list[list[float]]] = {size: [] for size in sizes}
    for _round in range(3 if quick else 5):
        for size in sizes:
            samples[size].append(in_child(nanoseconds_a_node, size))
    largest = sizes[-1]
    findings = Findings(remarks=[_remark(size, samples[size]) for size in sizes])
    for small, required, goal in ((1_000_000, 2.0, None), (10_000, 5.0, 3.0)):
        for name, pick in (("all", sum), *((name, _nth(k)) for k, name in enumerate(PHASES))):
            if small != largest:
                big, base = ([pick(sample) for sample in samples[size]] for size in (largest, small))
                case, against = f"W4 {_short(largest)} nodes, {name}", f"ours at {_short(small)}"
                findings.rows.append(ratio_row(case, against, A_NODE, big, base, (required, goal)))
    return findings


def _remark(size: int, samples: Sequence[Sequence[float]]) -> str:
    spreads = [Spread.of(phase) for phase in zip(*samples, strict=True)]
    phases = [f"{name} {s.median:.0f} ({s.low:.0f} .. {s.high:.0f})" for name, s in zip(PHASES, spreads, strict=True)]
    return f"W4 {_short(size):>5} nodes, ns a node: {', '.join(phases)}"


def _nth(k: int) -> Callable[[list[float]], float]:
    return lambda sample: sample[k]


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"
