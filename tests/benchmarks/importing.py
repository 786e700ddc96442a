"""The cost of importing the package, compared with a bare interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile

from .measuring import Findings, child_environment, own_row

STATEMENTS = {
    "import tinygrad_lite": "import tinygrad_lite",
    "import Value": "from tinygrad_lite.engine import Value",
}


class _Interpreter:
    """Fresh interpreters with their bytecode in a folder of their own, whatever the environment variables say."""

    def __init__(self, bytecode: str) -> None:
        self.environment = {**child_environment(), "PYTHONPYCACHEPREFIX": bytecode}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", *options]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)

    def cpu_seconds(self, statement: str) -> float:
        """CPU time from the interpreter's start to the end of the statement."""
        return float(self.run("-c", f"{statement}\nimport time\nprint(time.process_time())").stdout)

    def import_times(self, statement: str) -> dict[str, int]:
        """Microseconds for each module, without its imports."""
        lines = self.run("-X", "importtime", "-c", statement).stderr
        return {module: int(own) for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", lines)}


def over_bare_interpreter(_: str, quick: bool) -> Findings:
    findings = Findings()
    with tempfile.TemporaryDirectory() as bytecode:
        python = _Interpreter(bytecode)
        for name, statement in STATEMENTS.items():
            python.cpu_seconds(statement)  # writes the bytecode
            pairs = [(python.cpu_seconds(statement), python.cpu_seconds("pass")) for _ in range(7 if quick else 31)]
            findings.rows.append(own_row(name, "ms", [1000 * (a - b) for a, b in pairs], (25, 10)))
        findings.remarks.append(f"import, slowest by themselves: {_slowest_modules(python, 8)}")
    return findings


def _slowest_modules(python: _Interpreter, count: int) -> str:
    """The least of five runs; modules of the bare interpreter left out."""
    runs = [python.import_times("import tinygrad_lite") for _ in range(5)]
    bare = python.import_times("pass")
    times = {module: min(run.get(module, 0) for run in runs) for module in runs[0] if module not in bare}
    slowest = sorted(times, key=lambda module: -times[module])[:count]
    return ", ".join(f"{module} {times[module] / 1000:.1f} ms" for module in slowest)
