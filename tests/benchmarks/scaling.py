"""W4, chains of ten thousand to ten million nodes, and how much memory a node takes."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from .chain import NODES, check, ours
from .measuring import Findings, forget_peak, in_child, own_row, ratio_row, resident

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PHASES = ("forward", "backward", "freeing")


def bytes_a_node(nodes: int) -> float:
    """Most memory held over one forward and backward, above what was held before, in a fresh process."""
    small, contender = ours(10), ours(nodes)
    small.run(1)
    held: list[Any] = []
    gc.collect()
    before = resident("VmRSS")
    forget_peak()
    for phase in contender.phases[:2]:
        phase(held)
    return (resident("VmHWM") - before) / nodes


def memory(_: str, quick: bool) -> Findings:
    samples = [in_child(bytes_a_node, NODES) for _ in range(3 if quick else 7)]
    many = [in_child(bytes_a_node, 100 * NODES) for _ in range(1 if quick else 3)]
    return Findings(
        [own_row("W1 memory", "bytes a node", samples, 112, 80), own_row("W4 memory, 1 M nodes", "bytes a node", many)]
    )


def nanoseconds_a_node(nodes: int) -> list[float]:
    """Forward, backward and freeing of one chain of ours, in a fresh process."""
    contender = ours(nodes)
    check(contender, nodes, "ours")
    runs = max(1, 200_000 // nodes)
    if nodes <= NODES:
        contender.run(1)
    return [seconds / nodes * 1e9 for seconds in contender.run(runs)]


def scaling(_: str, quick: bool) -> Findings:
    """W4: every size in a process of its own, sizes in turns."""
    sizes = SIZES[:-1] if quick else SIZES
    samples: dict[int, list[list[float]]] = {size: [] for size in sizes}
    for _round in range(3 if quick else 5):
        for size in sizes:
            samples[size].append(in_child(nanoseconds_a_node, size))
    findings = Findings()
    for size in sizes:
        median = [f"{sorted(phase)[len(phase) // 2]:.0f}" for phase in zip(*samples[size], strict=True)]
        phases = ", ".join(f"{name} {ns}" for name, ns in zip(PHASES, median, strict=True))
        findings.remarks.append(f"W4 {_short(size):>5} nodes, ns a node: {phases}")
    largest = sizes[-1]
    for small, required, goal in ((1_000_000, 2.0, None), (10_000, 5.0, 3.0)):
        if small == largest:
            continue
        for name, pick in (("all", sum), *((name, _nth(k)) for k, name in enumerate(PHASES))):
            big, base = ([pick(sample) for sample in samples[size]] for size in (largest, small))
            case = f"W4 {_short(largest)} nodes, {name}"
            findings.rows.append(ratio_row(case, f"ours at {_short(small)}", ("ns a node", 1.0), big, base, required, goal))
    return findings


def _nth(k: int) -> Callable[[list[float]], float]:
    return lambda sample: sample[k]


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"
