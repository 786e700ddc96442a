"""The lines of array source that compute joint results, and read their numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..joint_results import read_components
from ..passes.grouping import Group
from ..passes.lane_sums import LaneSums
from ..passes.program import Program
from .array_layout import Layout, S, V, in_runs, sliced

Functions = dict[str, Any]


def write_joint_results(
    layout: Layout, functions: Functions, program: Program, group: Group, out: str, sums: LaneSums | None
) -> None:
    """Writes one call that computes all members.

    Numbers that all members and lanes share are passed separately, so that matrices remain matrices.
    """
    op: Any = group.kind
    starts, xs = (np.array([program.args[place][k] for place in group.members], int) for k in (0, 1))
    shared = np.array(
        [len(set(xs[:, k].tolist())) == 1 and layout.is_shared(xs[:, k]) for k in range(xs.shape[1])], bool
    )
    read = layout.by_lane if group.varies else layout.shared
    names = [read(starts.T) if starts.size else "None", *["None", "None"]]
    if shared.any():
        names[1] = layout.shared(xs[0, shared])
    if not shared.all():
        names[2] = read(xs[:, ~shared].T)
    function = f"{op.name}{len(functions)}"
    summed = sums is not None and len(group.members) == 1 and group.members[0] not in sums.read_by_lane
    functions[function] = op.on_arrays(shared, summed)
    layout.line(f"{function}({', '.join(names)}, {out})")


def write_components(layout: Layout, functions: Functions, program: Program, group: Group) -> None:
    """Writes one call for each joint result that members are numbers of."""
    wholes = np.array([program.args[place][0] for place in group.members])
    indices = np.array([program.number(program.args[place][1]) for place in group.members], int)
    rows = layout.row[group.members]
    for whole in dict.fromkeys(wholes.tolist()):
        here = wholes == whole
        runs = [(sliced(rows[here][run]), sliced(indices[here][run])) for run in in_runs(rows[here], indices[here])]
        function = f"component{len(functions)}"
        functions[function] = partial(read_components, runs)
        layout.line(f"{function}({layout.operand(np.array([whole]))}, {V if group.varies else S})")
