"""Simulates a disk that becomes full while a file is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def full_at_the_third_array(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, the third array that NumPy writes to a file raises OSError: no space left."""
    calls: list[Any] = []
    write_array = np.lib.format.write_array

    def write(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise OSError("no space left on device")
        write_array(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", write)
