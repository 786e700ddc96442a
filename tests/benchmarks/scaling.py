"""W4, chains of ten thousand to ten million nodes, and how much memory a node takes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .chain import NODES, ours
from .measuring import Findings, Spread, Unit, in_child, own_row, ratio_row

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PHASES = ("forward", "backward", "freeing")
NANOSECOND = Unit("ns a node", 1e-9)


def bytes_a_node(nodes: int) -> float:
    """Most memory held over one forward and backward, above what was held before, in a fresh process. Linux."""
    contender = ours(NODES // 100)
    forward, backward, _ = ours(NODES // 100).phases if nodes < NODES else _phases(nodes)
    contender.run(1)
    held: list[Any] = []
    gc.collect()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    forward(held)
    backward(held)
    return (_resident("VmHWM") - before) / nodes


def memory(_: str, quick: bool) -> Findings:
    """Of 10,000 nodes part fits into memory that the process had left over; a million tell what a node takes."""
    rows = []
    for nodes, bars in ((NODES, (None, None)), (100 * NODES, (112, 80))):
        samples = [in_child(bytes_a_node, nodes) for _ in range(2 if quick else 5)]
        rows.append(own_row(f"memory, {_short(nodes)} nodes", "bytes a node", samples, bars))
    return Findings(rows)
