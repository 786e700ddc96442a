"""What importing the package costs, over a bare interpreter."""

from __future__ import annotations

import re
import subprocess
import sys

from .measuring import Findings, child_environment, own_row

STATEMENTS = {"import tinygrad_lite": "import tinygrad_lite", "from it import Value": "from tinygrad_lite import Value"}


def cpu_seconds(statement: str) -> float:
    """CPU time of a fresh interpreter from its start to the end of the statement."""
    command = f"{statement}\nimport time\nprint(time.process_time())"
    return float(subprocess.check_output([sys.executable, "-P", "-c", command], env=child_environment(), text=True))


def over_bare_interpreter(_: str, quick: bool) -> Findings:
    findings = Findings()
    for name, statement in STATEMENTS.items():
        cpu_seconds(statement)  # writes what bytecode is missing
        pairs = [(cpu_seconds(statement), cpu_seconds("pass")) for _ in range(7 if quick else 31)]
        findings.rows.append(own_row(name, "ms", [1000 * (a - b) for a, b in pairs], 25, 10))
    findings.remarks.append(f"import: {_slowest_modules(6)}")
    return findings


def _slowest_modules(count: int) -> str:
    """The modules that took the longest by themselves, by -X importtime; those of a bare interpreter left out."""
    times = _import_times("import tinygrad_lite")
    for module in _import_times("pass"):
        times.pop(module, None)
    slowest = sorted(times, key=lambda module: -times[module])[:count]
    return ", ".join(f"{module} {times[module] / 1000:.1f} ms" for module in slowest)


def _import_times(statement: str) -> dict[str, int]:
    command = [sys.executable, "-P", "-X", "importtime", "-c", statement]
    lines = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=True).stderr
    return {module: int(own) for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", lines)}
