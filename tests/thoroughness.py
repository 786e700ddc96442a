"""How many examples the tests try: all of them in the check (.ci/run sets CI), a part elsewhere."""

from __future__ import annotations

import os

ALL = bool(os.environ.get("CI"))


def up_to(most: int) -> int:
    """This many random examples, or a graph of this size, in the check; a quarter elsewhere."""
    return most if ALL else -(-most // 4)
