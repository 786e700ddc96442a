"""Threads that Python switches as often as it can."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable


def in_threads(work: Callable[[int], object], arguments: Iterable[int]) -> None:
    """Runs work(k) for each argument, all at once, each in a thread of its own."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in arguments]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(before)
