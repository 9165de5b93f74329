"""Processes that measure: a child for every engine, started anew when it has ended, and this process for
functions that cannot be sent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from typing import Any

from closedform.comparison.rows import machine
from closedform.comparison.worker import Worker, pin, reason
from closedform.engines import ENGINES
from closedform.errors import UnsupportedError

# The child's program. (As "-m" the worker's classes would be those of another module, and could not be
# received.)
MAIN = "from closedform.comparison.worker import main; main()"
IN_PROCESS = "timed in the calling process"


class EngineError(Exception):
    """An engine did not do what it was asked: the message says why."""


class Child:
    """A worker in a fresh child process. Its start returns at once; the imports run while others work."""

    note = ""

    def __init__(self, engine: str, threads: int = 1, exact_memory: bool = False) -> None:
        ours, theirs = socket.socketpair()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(theirs.fileno())],
            env=_environment(threads, exact_memory),
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self._version: str | None = None
        self.connection.send(engine)
        self.connection.send(("start", (cores(threads),)))

    @property
    def version(self) -> str:
        """The engine's version; waits for the child's start."""
        if self._version is None:
            try:
                self._version = str(self._receive(timeout=120.0))
            except EngineError:
                self._kill()
                raise
        return self._version

    def ask(self, method: str, *arguments: Any, timeout: float) -> Any:
        """What the child's worker returns. Raises UnsupportedError, or EngineError when it fails, ends or
        takes too long."""
        _ = self.version
        try:
            self.connection.send((method, arguments))
        except OSError:
            raise EngineError(self._end()) from None
        return self._receive(timeout)

    def _receive(self, timeout: float) -> Any:
        try:
            if not self.connection.poll(timeout):
                self._kill()
                raise EngineError(f"gave up after {timeout:g} s")
            status, *content = self.connection.recv()
        except (EOFError, OSError):
            raise EngineError(self._end()) from None
        if status == "unsupported":
            raise UnsupportedError(content[0])
        if status == "failed":
            raise EngineError(content[0])
        return content[0]

    def _end(self) -> str:
        """Why the child ended."""
        code = self.process.wait(10)
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = f": {lines[-1][:200]}" if lines else ""
        return f"the engine's process ended ({how}){last}"

    def close(self) -> None:
        """End the child."""
        self.connection.close()
        self._kill()
        self.errors.close()

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()


class InProcess:
    """A worker in the calling process, for functions that cannot be sent; it stays on the children's core
    while it samples, and BLAS is held to the same number of threads where threadpoolctl is installed."""

    note = IN_PROCESS

    def __init__(self, engine: str, threads: int = 1) -> None:
        self.worker = Worker(engine)
        self.threads = threads
        self.worker.engine.start()
        self.version = self.worker.engine.version()

    def ask(self, method: str, *arguments: Any, timeout: float) -> Any:
        """What the worker returns. Raises UnsupportedError, or EngineError when it fails."""
        if method == "peak_memory":
            return None
        before = _allowed_cores()
        with ExitStack() as stack:
            try:
                from threadpoolctl import threadpool_limits
            except ImportError:
                pass
            else:
                stack.enter_context(threadpool_limits(self.threads))
            pin(cores(self.threads))
            stack.callback(pin, before)
            try:
                return getattr(self.worker, method)(*arguments)
            except UnsupportedError:
                raise
            except Exception as error:  # whatever a user's function raises becomes a row
                raise EngineError(reason(error)) from error

    def close(self) -> None:
        """Forget the task."""
        self.worker.release()


def cores(threads: int) -> list[int]:
    """The cores that the engines share: the last ones that this process may use."""
    return _allowed_cores()[-threads:]


def _allowed_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _environment(threads: int, exact_memory: bool) -> dict[str, str]:
    """The child's environment: number of threads, no accelerator, and where this process imports from. To
    measure memory exactly, freed blocks go back to the system at once."""
    environment = dict(os.environ)
    environment.pop("PYTHONWARNINGS", None)
    for library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
        environment[f"{library}_NUM_THREADS"] = str(threads)
    environment.update(
        XLA_FLAGS=f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} "
        f"intra_op_parallelism_threads={threads}",
        JAX_PLATFORMS="cpu",
        CUDA_VISIBLE_DEVICES="",
        TF_CPP_MIN_LOG_LEVEL="3",
        PYTHONPATH=os.pathsep.join(path or os.getcwd() for path in sys.path),
    )
    if exact_memory:
        environment.update(MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")
    return environment


class Pool(ExitStack):
    """The workers of a measurement, started when they are needed and again when they have ended."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.threads = threads
        self.workers: dict[tuple[str, str], Child | InProcess] = {}
        self.machine = machine()
        self.callback(self._close)

    def begin(self, names: Iterable[str], purpose: str) -> None:
        """Start the children of installed engines, all at once, and wait until they have imported what
        they need."""
        started = [self.get(name, purpose, False) for name in names if ENGINES[name].available() is None]
        for worker in started:
            with suppress(EngineError):  # it will be started again, and then tell why it fails
                _ = worker.version

    def get(self, name: str, purpose: str, in_process: bool) -> Child | InProcess:
        """The worker of an engine for "time" or for "memory"."""
        key = name, "here" if in_process else purpose
        worker = self.workers.get(key)
        if isinstance(worker, Child) and worker.process.poll() is not None:
            worker.close()
            worker = None
        if worker is None:
            worker = self._new(name, purpose, in_process)
            self.workers[key] = worker
        return worker

    def _new(self, name: str, purpose: str, in_process: bool) -> Child | InProcess:
        if in_process:
            return InProcess(name, self.threads)
        return Child(name, self.threads, exact_memory=purpose == "memory")

    def _close(self) -> None:
        for worker in self.workers.values():
            worker.close()
