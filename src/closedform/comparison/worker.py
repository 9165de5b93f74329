"""One engine at work: it prepares a task, answers it, and takes time and memory samples, in a child
process that does what its parent asks over a pair of connected sockets."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np

from closedform.engines import ENGINES, Task
from closedform.errors import UnsupportedError

Which = Literal["answer", "value"]


@dataclass(frozen=True)
class Answer:
    """What an engine computed: the function's value and the answer as NumPy arrays (or tuples of them),
    and the seconds that preparing the answer took with its first call."""

    value: Any
    result: Any
    prepare_seconds: float


@dataclass(frozen=True)
class Sample:
    """One sample: seconds per call, the calls in it, CPU and wall seconds of all of them, and how often the
    process was interrupted."""

    seconds: float
    repeats: int
    cpu: float
    wall: float
    switches: int


class Worker:
    """An engine with the task that it works on."""

    def __init__(self, engine: str) -> None:
        self.engine = ENGINES[engine]
        self.calls: dict[Which, Callable[[], Any]] = {}
        self.repeats: dict[Which, int] = {}

    def start(self, cores: list[int]) -> str:
        """Import the engine's library, then stay on some cores; returns its version."""
        self.engine.start()
        pin(cores)
        return self.engine.version()

    def answer(self, task: Task) -> Answer:
        """Prepare a task and answer it once. The function's value comes first, so that what a library does
        only once in a process is not counted with the derivative."""
        self.release()
        with _quiet():
            value_call = self.engine.prepare(task.value)
            value = self.engine.numpy(value_call())
            begin = time.perf_counter()
            call = self.engine.prepare(task)
            result = call()
            seconds = time.perf_counter() - begin
        self.calls = {"answer": call, "value": value_call}
        return Answer(value, self.engine.numpy(result), seconds)

    def sample(self, which: Which, least: float) -> Sample:
        """Seconds per call over as many calls as take `least` seconds; a short call is made once before."""
        call = self.calls[which]
        with _quiet():
            if which not in self.repeats:
                found = _auto_range(call, least)
                self.repeats[which] = found.repeats
                return found
            if self.repeats[which] > 1:
                call()
            return _measure(call, self.repeats[which])

    def peak_memory(self, task: Task) -> int | None:
        """Bytes that one call adds to the resident memory at its peak, once everything is prepared; None
        where the system does not tell."""
        self.answer(task)
        call = self.calls["answer"]
        gc.collect()
        _return_freed_memory()
        if not _reset_peak():
            return None
        before = _status("VmRSS")
        with _quiet():
            result = call()
        peak = _status("VmHWM")
        del result
        self.release()
        return max(peak - before, 0)

    def release(self) -> None:
        """Forget the task."""
        self.calls.clear()
        self.repeats.clear()
        gc.collect()


@contextlib.contextmanager
def _quiet() -> Any:
    """Warnings are the function's business: here overflow and nan are found by comparing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _auto_range(call: Callable[[], Any], least: float) -> Sample:
    """A sample of as many calls as take `least` seconds: a power of two. CPU time decides, so that waiting
    for other processes is not taken for work; calls that wait themselves go on for ten times that at most."""
    sample = _measure(call, 1)
    while sample.cpu < least and sample.wall < 10 * least:
        sample = _measure(call, 2 * sample.repeats)
    return sample


def _measure(call: Callable[[], Any], repeats: int) -> Sample:
    collecting = gc.isenabled()
    gc.disable()
    try:
        switches, cpu, begin = _switches(), time.process_time(), time.perf_counter()
        for _ in range(repeats):
            call()
        wall = time.perf_counter() - begin
        cpu, switches = time.process_time() - cpu, _switches() - switches
    finally:
        if collecting:
            gc.enable()
    return Sample(wall / repeats, repeats, cpu, wall, switches)


def _switches() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _status(field: str) -> int:
    """A field of this process's status, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def _reset_peak() -> bool:
    """Set the high-water mark of the resident memory to what is resident now (Linux: 5 to clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _return_freed_memory() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def pin(cores: list[int]) -> None:
    """Keep the threads of this process, and those they will start, on some cores (on Linux)."""
    if hasattr(os, "sched_setaffinity"):
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
                os.sched_setaffinity(int(thread.name), cores)


def reason(error: BaseException) -> str:
    """An exception as one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UnsupportedError) else f"{type(error).__name__}: {text}"[:300]


def serve(connection: Connection) -> None:
    """Answer requests (method, arguments) with ("done", result), ("unsupported", reason) or
    ("failed", reason, traceback) until the parent closes the connection. The first request is the engine."""
    worker = Worker(connection.recv())
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        try:
            reply: tuple[Any, ...] = ("done", getattr(worker, method)(*arguments))
        except UnsupportedError as error:
            reply = ("unsupported", reason(error))
        except Exception as error:  # whatever a library or a user's function raises becomes a row
            reply = ("failed", reason(error), traceback.format_exc())
        connection.send(reply)


def main() -> None:
    """The child process: its argument is the number of the connected socket."""
    serve(Connection(int(sys.argv[1])))
