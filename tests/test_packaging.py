"""The package as installed: what importing it loads, and whether the lock file covers pyproject.toml."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = [
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
DECLARED = [
    *PROJECT["dependencies"],
    *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
]


@pytest.mark.parametrize("module", ["torch", "jax", "autograd", "matplotlib", "pygraphviz", "flint"])
def test_importing_the_package_does_not_load(module: str) -> None:
    code = f"import sys, closedform; sys.exit({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"import closedform loads {module}"


def test_the_installed_version_is_the_declared_one() -> None:
    assert importlib.metadata.version("closedform") == PROJECT["version"]


@pytest.mark.parametrize("line", LOCK)
def test_every_line_of_the_lock_pins_one_release(line: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)


@pytest.mark.parametrize("declared", DECLARED)
def test_the_lock_holds_what_is_declared(declared: str) -> None:
    wanted = Requirement(declared)
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in LOCK)}
    assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)])
