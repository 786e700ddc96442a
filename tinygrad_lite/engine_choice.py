"""Which engine runs: the compiled one where it is installed, the readable source under TINYGRAD_LITE_PURE=1."""

from __future__ import annotations

import binascii
import os
import sys

_NAME = f"{__package__}.engine"
_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine.py")


def hash_of(source: str) -> str:
    """A hash of the engine's source, without the line that carries it."""
    lines = [line for line in source.splitlines() if not line.startswith("source_hash = ")]
    return f"{binascii.crc32(chr(10).join(lines).encode()):08x}"


def choose_engine() -> None:
    """Loads the engine, once, before anything imports it; warns where the compiled one is of another source."""
    if os.environ.get("TINYGRAD_LITE_PURE", "0") not in ("", "0"):
        import importlib.util

        spec = importlib.util.spec_from_file_location(_NAME, _SOURCE)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
        vars(sys.modules[__package__])["engine"] = module
        return
    from . import engine

    if engine.compiled and os.path.exists(_SOURCE):
        with open(_SOURCE, encoding="utf-8") as file:
            now = hash_of(file.read())
        if now != engine.source_hash:
            import warnings

            warnings.warn(
                f"the compiled engine was built from another engine.py (source {engine.source_hash}, the file is "
                f"{now}): install again to compile it, or set TINYGRAD_LITE_PURE=1 to run the source",
                RuntimeWarning,
                stacklevel=3,
            )
