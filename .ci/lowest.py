"""Prints the lowest versions that pyproject.toml allows of what it needs, to build and to run, as constraints for pip.

Where the lowest one has no wheel for the Python that runs this, the lowest that has one is taken, and that is said.

    python .ci/lowest.py [extra ...] >constraints.txt
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.version import Version

PIP = (sys.executable, "-m", "pip")


def requirements(extras: list[str]) -> list[Requirement]:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    lines = project["build-system"]["requires"] + project["project"]["dependencies"]
    for extra in extras:
        lines += project["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def versions(name: str) -> list[Version]:
    """All versions on the index, ascending; an index that does not answer ends the program."""
    asked = subprocess.run([*PIP, "index", "versions", name], capture_output=True, text=True)
    if asked.returncode:
        sys.exit(f"pip found no versions of {name}:\n{asked.stderr}")
    line = next(line for line in asked.stdout.splitlines() if line.startswith("Available versions: "))
    return sorted(map(Version, line.removeprefix("Available versions: ").split(", ")))


def has_wheel(pinned: str, folder: str) -> bool:
    command = [*PIP, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, pinned]
    return subprocess.run(command, capture_output=True).returncode == 0


def main(extras: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for needed in requirements(extras):
            allowed = [version for version in versions(needed.name) if version in needed.specifier]
            found = next((v for v in allowed if has_wheel(f"{needed.name}=={v}", folder)), None)
            if found is None:
                sys.exit(f"no version of {needed} has a wheel for Python {sys.version.split()[0]}")
            if found != allowed[0]:
                print(f"{needed}: taken {found}, since {allowed[0]} has no wheel for this Python", file=sys.stderr)
            print(f"{needed.name}=={found}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
