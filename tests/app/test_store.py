"""The store: what is added is on disk at once, is read back as it was, and outlives a killed process."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform.app.store import Store, StoreError, configuration_digest, decode, encode, library_versions

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda k: k != "float"), inner),
    max_leaves=10,
)


def same(a, b) -> bool:
    """Equality in which nan equals nan."""
    return repr(a) == repr(b)


@given(PLAIN)
def test_encoding_keeps_plain_values(value) -> None:
    assert same(decode(encode(value)), decode(encode(decode(encode(value)))))
    if not isinstance(value, dict):
        assert same(decode(encode([value])), [decode(encode(value))])


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.1, 1e-300])
def test_encoding_keeps_every_float(value: float) -> None:
    assert same(decode(encode({"x": value})), {"x": value})


def test_rows_are_kept_by_configuration_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    quick = Store(path, "one", "quick")
    quick.add_measurement("p", "grad", "JAX", 10, 0, {"error": 1.0})
    quick.add_measurement("p", "grad", "JAX", 10, 0, {"error": 2.0})
    quick.add_experiment("p", "step", {"loss": math.inf})
    assert quick.measurements("p") == {("grad", "JAX", 10, 0): {"error": 2.0}}
    assert Store(path, "one", "full").measurements("p") == {}
    assert Store(path, "other", "quick").experiments("p") == {}
    assert Store(path, "one", "quick").experiments("p") == {"step": {"loss": math.inf}}


def test_forgetting_is_for_named_problems_in_one_mode(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    stores = {mode: Store(path, "one", mode) for mode in ("quick", "full")}
    for store in stores.values():
        for problem in ("p", "q"):
            store.add_measurement(problem, "grad", "JAX", 1, 0, {})
            store.add_experiment(problem, "step", {})
    stores["quick"].forget(["p"])
    assert not stores["quick"].measurements("p") and not stores["quick"].experiments("p")
    assert stores["quick"].measurements("q") and stores["full"].measurements("p")


def test_the_file_uses_a_write_ahead_log_and_strict_tables(tmp_path: Path) -> None:
    Store(tmp_path / "lab.db", "one", "full").close()
    connection = sqlite3.connect(tmp_path / "lab.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    assert {name: strict for name, strict in tables if not name.startswith("sqlite_")} == {
        "measurement": 1, "experiment": 1,
    }  # fmt: skip
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO experiment VALUES ('p', 's', 'd', 'slow', 0.0, '{}')")


def test_another_layout_is_replaced(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "lab.db")
    connection.execute("CREATE TABLE measurement (problem TEXT)")
    connection.close()
    store = Store(tmp_path / "lab.db", "one", "full")
    store.add_measurement("p", "grad", "JAX", 1, 0, {})
    assert Store(tmp_path / "lab.db", "one", "full").measurements("p")


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    path.write_text("not a database, but long enough to look like one " * 50)
    with pytest.raises(StoreError, match="cannot be used as a store of measurements"):
        Store(path, "one", "full")


def test_nothing_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    code = (
        "import sys; from pathlib import Path; from closedform.app.store import Store\n"
        "store = Store(Path(sys.argv[1]), 'one', 'full')\n"
        "for n in range(10**6):\n"
        "    store.add_measurement('p', 'grad', 'JAX', n, 0, {'n': n})\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(20):
        child.stdout.readline()
    time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    reported = [int(line) for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    child.wait()
    store = Store(path, "one", "full")
    assert store.integrity() == "ok"
    assert len(store.measurements("p")) >= max(reported, default=19) + 1


def test_the_digest_follows_machine_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = configuration_digest({"Machine": "a"})
    assert digest == configuration_digest({"Machine": "a"}) != configuration_digest({"Machine": "b"})
    assert "numpy" in library_versions()
    monkeypatch.setattr("closedform.app.store.library_versions", lambda: {"numpy": "0"})
    assert configuration_digest({"Machine": "a"}) != digest
