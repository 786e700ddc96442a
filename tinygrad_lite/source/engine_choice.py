"""Chooses which build runs: C if it is installed, or the readable source under TINYGRAD_LITE_PURE=1."""

from __future__ import annotations

import binascii
import os
import sys

TYPE_CHECKING = False  # type checkers read it as True; importing typing would take as long as the rest of the file
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

_PACKAGE = __name__.partition(".")[0]
_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ENGINE = (
    "storage",
    "unary_slopes",
    "values",
    "graph",
    "transcription",
    "recorded_results",
    "rows",
    "sweep",
    "walks",
    "linearization",
    "contexts",
)
_NATIVE = (
    "vector_math",
    "sequence_functions",
    "number_views",
    "bytecode_functions",
    "bytecode_loop",
    "bytecode_machine",
    "plain_call",
)
_PASSES = ("operations", "sums_of_products")
SOURCES = {
    f"{_PACKAGE}.{name}": os.path.join(_FOLDER, *name.split(".")) + ".py"
    for name in (
        *[f"engine.{name}" for name in _ENGINE],
        "floats.c_functions",
        "floats.c_normal",
        *[f"compiler.native.{name}" for name in _NATIVE],
        *[f"compiler.passes.{name}" for name in _PASSES],
    )
}
"""The source files that are also compiled, by module name."""
_COMPILED = (".so", ".pyd")


def hash_of(source: bytes) -> str:
    """A hash of a file's source, leaving out the line that holds the hash."""
    lines = source.replace(b"\r\n", b"\n") if b"\r" in source else source
    before, _, line = lines.partition(b"\nsource_hash = ")
    _, _, after = line.partition(b"\n")
    return f"{binascii.crc32(after, binascii.crc32(before)):08x}"


class _SourceFinder:
    """An import finder that takes the source file even if a compiled extension is next to it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in SOURCES:
            return None
        import importlib.util

        return importlib.util.spec_from_file_location(name, SOURCES[name])


def choose_engine() -> None:
    """Chooses the build, once, before anything imports the engine."""
    if os.environ.get("TINYGRAD_LITE_PURE", "0") not in ("", "0"):
        sys.meta_path.insert(0, _SourceFinder)
        return
    wanted = {os.path.splitext(path)[0] for path in SOURCES.values()}
    found = {
        os.path.join(folder, name.partition(".")[0])
        for folder in {os.path.dirname(path) for path in wanted}
        for name in os.listdir(folder)
        if name.endswith(_COMPILED)
    }
    if 0 < len(found & wanted) < len(wanted):  # compiled files need each other
        sys.meta_path.insert(0, _SourceFinder)


def warn_of_stale_engine() -> None:
    """Warns, once the engine is imported, if it was compiled from another source."""
    for name in _ENGINE:
        module = sys.modules[f"{_PACKAGE}.engine.{name}"]
        if module.compiled:
            warn_of_stale(module.__name__, module.source_hash, 4)


def warn_of_stale(name: str, source_hash: str, stacklevel: int = 2) -> None:
    """Warns if the source of this module has changed since it was compiled."""
    path = SOURCES[name]
    try:
        with open(path, "rb") as file:
            now = hash_of(file.read())
    except FileNotFoundError:
        return
    if now != source_hash:
        import warnings

        warnings.warn(
            f"{name} was compiled from another {os.path.basename(path)} (source {source_hash}, the file is {now}): "
            "install again to compile it, or set TINYGRAD_LITE_PURE=1 to run the source",
            RuntimeWarning,
            stacklevel=stacklevel,
        )
