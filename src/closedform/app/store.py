"""Measurements and results of experiments in, a SQLite file out: every row is committed as it is made."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from closedform.errors import ClosedformError

SCHEMA = """
CREATE TABLE measurement (
    problem  TEXT    NOT NULL,
    operator TEXT    NOT NULL,
    engine   TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    draw     INTEGER NOT NULL,
    digest   TEXT    NOT NULL,
    mode     TEXT    NOT NULL CHECK (mode IN ('quick', 'full')),
    made     REAL    NOT NULL,
    row      TEXT    NOT NULL CHECK (json_valid(row)),
    PRIMARY KEY (problem, operator, engine, size, draw, digest, mode)
) STRICT, WITHOUT ROWID;
CREATE TABLE experiment (
    problem  TEXT    NOT NULL,
    step     TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    mode     TEXT    NOT NULL CHECK (mode IN ('quick', 'full')),
    made     REAL    NOT NULL,
    payload  TEXT    NOT NULL CHECK (json_valid(payload)),
    PRIMARY KEY (problem, step, digest, mode)
) STRICT, WITHOUT ROWID;
"""

# The number of the layout above; rows in another layout belong to another version of this package.
LAYOUT = 1

LIBRARIES = (
    "closedform",
    "numpy",
    "scipy",
    "opt_einsum",
    "autograd",
    "torch",
    "jax",
    "jaxlib",
    "python-flint",
)

Row = dict[str, Any]


class StoreError(ClosedformError):
    """The file cannot be used as a store; the message says why and what to do."""


class Store:
    """The rows of one configuration (a digest) and one mode ("quick" or "full") in a SQLite file.

    A row is on disk when `add` returns. Rows of other configurations are kept, and not seen.

    >>> store = Store(Path(":memory:"), "digest", "quick")
    >>> store.add_measurement("quartic", "grad", "JAX", 10, 0, {"error": 1e-6})
    >>> store.measurements("quartic")
    {('grad', 'JAX', 10, 0): {'error': 1e-06}}
    """

    def __init__(self, path: Path, digest: str, mode: str) -> None:
        self.digest, self.mode = digest, mode
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._set_up()
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{path} cannot be used as a store of measurements ({error}); move it away."
            ) from error

    def _set_up(self) -> None:
        """Make the tables, in place of those of another layout."""
        if self._connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            self._connection.executescript(
                "DROP TABLE IF EXISTS measurement; DROP TABLE IF EXISTS experiment;" + SCHEMA
            )
            self._connection.execute(f"PRAGMA user_version = {LAYOUT}")

    def add_measurement(
        self, problem: str, operator: str, engine: str, size: int, draw: int, row: Row
    ) -> None:
        """Keep one measurement, at the arguments of a random draw; one with the same key is replaced."""
        key = (problem, operator, engine, size, draw, self.digest, self.mode)
        self._connection.execute(
            "INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, time.time(), encode(row)),
        )

    def add_experiment(self, problem: str, step: str, payload: Row) -> None:
        """Keep the result of one step of an experiment."""
        key = (problem, step, self.digest, self.mode)
        self._connection.execute(
            "INSERT OR REPLACE INTO experiment VALUES (?, ?, ?, ?, ?, ?)",
            (*key, time.time(), encode(payload)),
        )

    def measurements(self, problem: str) -> dict[tuple[str, str, int, int], Row]:
        """The rows of a problem by (operator, engine, size, draw)."""
        rows = self._connection.execute(
            "SELECT operator, engine, size, draw, row FROM measurement WHERE problem = ? AND digest = ? AND "
            "mode = ?",
            (problem, self.digest, self.mode),
        )
        return {tuple(key): decode(row) for *key, row in rows}

    def experiments(self, problem: str) -> dict[str, Row]:
        """The results of a problem's experiment by step, in the order in which they were made."""
        rows = self._connection.execute(
            "SELECT step, payload FROM experiment WHERE problem = ? AND digest = ? AND mode = ? ORDER BY "
            "made",
            (problem, self.digest, self.mode),
        )
        return {step: decode(payload) for step, payload in rows}

    def forget(self, problems: Iterable[str]) -> None:
        """Remove the rows of these problems in this mode, of every configuration."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for name in problems:
                for table in ("measurement", "experiment"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE problem = ? AND mode = ?", (name, self.mode)
                    )

    def integrity(self) -> str:
        """SQLite's own check of the file: "ok", or what is wrong."""
        return str(self._connection.execute("PRAGMA integrity_check").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def encode(value: Any) -> str:
    """JSON text of plain values; inf and nan, which JSON lacks, become {"float": "inf"}.

    >>> decode(encode({"error": [1.5, math.inf]}))
    {'error': [1.5, inf]}
    """
    return json.dumps(_finite(value), allow_nan=False)


def decode(text: str) -> Any:
    """The value that `encode` was given."""
    return json.loads(text, object_hook=lambda d: float(d["float"]) if set(d) == {"float"} else d)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def library_versions() -> dict[str, str]:
    """The versions of the libraries that the numbers depend on; those not installed are left out."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def configuration_digest(machine: Mapping[str, Any]) -> str:
    """A digest of the machine, the libraries' versions and this package's own source.

    Measurements of another machine, of other versions, or of another state of the source do not mix.
    """
    content = hashlib.sha256(encode({"machine": machine, "versions": library_versions()}).encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        if path.parent.name != "app":  # what only presents the numbers does not change them
            content.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return content.hexdigest()[:16]
