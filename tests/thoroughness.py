"""How much the tests try where more finds more: all of it in the check (.ci/run sets CI), a part elsewhere."""

from __future__ import annotations

import os

ALL = bool(os.environ.get("CI"))


def up_to(most: int) -> int:
    """So many random examples, or so large a graph, in the check; a quarter elsewhere."""
    return most if ALL else -(-most // 4)
