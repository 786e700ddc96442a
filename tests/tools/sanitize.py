"""Runs a part of the suite under AddressSanitizer and UBSan: python tests/tools/sanitize.py [pytest arguments]

The extensions are built with gcc's sanitizers in a temporary folder, from a copy of what stands here. Python takes its
memory from malloc there, since its own allocator would hide an error within one of its blocks. Stops at the first
error, with the sanitizer's report. Without arguments it runs what goes into compiled code most.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "engine/test_bad_arguments",
    "engine/test_bad_operands",
    "engine/test_bound_leaves",
    "compiler/test_batches",
    "compiler/test_compiled_derivatives",
    "compiler/test_compiled_operations",
    "compiler/test_threads",
    "compiler/test_array_executor",
    "compiler/test_vector_math",
    "compiler/test_bytecode_machine",
    "transforms/test_custom_op",
    "transforms/test_custom_op_anew",
    "transforms/test_bad_custom_op",
    "engine/test_engine",
    "engine/test_engine_builds",
    "engine/test_value_states",
    "recording/test_hooks",
    "recording/test_hooked_sweeps",
    "implicit/test_fixed_point",
    "implicit/test_fixed_point_compiled",
    "engine/test_interrupts",
    "recording/test_modes",
    "recording/test_modes_of_generators",
    "optim/test_optimizers",
    "optim/test_optimizer_states",
    "engine/test_random_graphs",
    "transforms/test_random_transforms",
)
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g"
# If a process dies, the output that pytest captured is lost, and the report would be too.
QUIET = ("-p", "no:cacheprovider", "-p", "no:faulthandler", "--capture=sys")
BUILD = "import setuptools; setuptools.setup()"


def build(folder: Path, compiler: str) -> list[str]:
    """Builds the extensions of a copy of the sources in a folder: the files that came out."""
    skipped = shutil.ignore_patterns(".*", "build", "*.so", "*.c", "*.egg-info", "__pycache__", "notebooks")
    shutil.copytree(ROOT, folder, ignore=skipped, dirs_exist_ok=True)
    environment = {**os.environ, "CC": compiler, "CFLAGS": FLAGS, "LDFLAGS": FLAGS}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "build_ext", "--inplace"],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    made = [str(path.relative_to(folder)) for path in sorted((folder / "tinygrad_lite").rglob("*.so"))]
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    if done.returncode or len(made) < len(project["tool"]["setuptools"]["ext-modules"]):
        sys.exit(f"{done.stdout}\nsanitize: only {made} of the extensions could be built")
    return made


def run(folder: Path, compiler: str, arguments: list[str]) -> int:
    """Runs pytest with the arguments on what was built: its exit status."""
    libraries = []
    for name in ("libasan.so", "libstdc++.so.6"):  # the second for those among the peers that throw C++ exceptions
        found = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(found.stdout.strip())
    environment = {
        **{name: value for name, value in os.environ.items() if name != "TINYGRAD_LITE_PURE"},
        "PYTHONPATH": str(folder),
        "PYTHONMALLOC": "malloc",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    command = [sys.executable, "-m", "pytest", *QUIET, *arguments]
    return subprocess.run(command, cwd=folder, env=environment).returncode


def main(arguments: list[str]) -> int:
    compiler = shutil.which("gcc")
    if compiler is None:
        sys.exit("sanitize: gcc was not found, which brings the sanitizers")
    given = arguments or ["-q", *[f"tests/{name}.py" for name in FILES]]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tinygrad_lite_sanitized_") as name:
        made = build(Path(name), compiler)
        print(f"sanitize: built {', '.join(made)} with {FLAGS}", flush=True)
        status = run(Path(name), compiler, given)
    seconds = time.monotonic() - started
    print(f"sanitize: pytest {' '.join(given)} under AddressSanitizer and UBSan: status {status}, {seconds:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
