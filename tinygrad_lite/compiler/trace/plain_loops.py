"""Where plain loops are looked for in a trace: before what the loops compute is differentiated, or becomes a program.

That is where a transform's function has returned, where the traced function itself has, and in the steps of loops. What
is found becomes scans, see recurrence/rolled_loops.py; what is not found stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine import Value, current_trace, find_later, recorded_order
from ...transforms.pytree import mapped, values_in

# Shorter loops are quicker as straight code.
LEAST_STEPS, LEAST_OPERATIONS = 32, 10_000


def rolled(outputs: Sequence[Any], derivatives: Sequence[Value], since: int) -> tuple[list[Any], list[Value]]:
    """The outputs with loops as scans, and the derivatives that they are computed from.

    derivatives  adjoints and tangents among what the outputs are computed from
    since        what was recorded before there were so many results is left alone; see engine.recorded_so_far()
    """
    roots = [y for y in outputs if type(y) is Value]
    order = recorded_order(roots, since, set(derivatives), LEAST_OPERATIONS, LEAST_STEPS // 2)
    if order is None:
        return list(outputs), list(derivatives)
    found: tuple[list[Any], list[Value]] = find_later("with_scans")(
        outputs, derivatives, order, LEAST_STEPS, LEAST_OPERATIONS
    )
    return found


def rolled_tree(tree: Any, derivatives: int, since: int) -> Any:
    """What a transform's function returned, with loops as scans.

    derivatives  how many derivatives the trace had noted when the function began
    """
    trace = current_trace()
    given = values_in(tree)
    found, noted = rolled(given, trace.derivatives[derivatives:], since)
    instead = {v: y for v, y in zip(given, found, strict=True) if v is not y}
    if not instead:
        return tree
    trace.derivatives += noted  # beside the old ones, which other results may be computed from
    return mapped(lambda x: instead.get(x, x) if type(x) is Value else x, tree)
