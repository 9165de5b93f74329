"""A child process that runs an experiment: a request as JSON in, a line of JSON for each step out."""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

from closedform.app.store import encode


def main() -> None:
    """Run the steps of a request {"problem", "quick", "engines", "skip"}; print {"step", "payload"} for each.

    A step that fails has the payload {"failed": reason}; the others are run all the same.
    """
    request = json.loads(sys.stdin.read())
    pin()
    warnings.simplefilter("ignore")
    from closedform.app.experiments import EXPERIMENTS, Setting

    experiment = EXPERIMENTS[request["problem"]]
    setting = Setting(request["quick"], tuple(request["engines"]))
    for step in experiment.steps(setting):
        if step not in request["skip"]:
            print(encode({"step": step, "payload": attempt(experiment.run, step, setting)}), flush=True)


def attempt(run: Any, step: str, setting: Any) -> dict[str, Any]:
    """The result of a step, or the reason why there is none."""
    try:
        payload: dict[str, Any] = run(step, setting)
    except ImportError as error:
        return {"failed": f"{error.name or error} is not installed"}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    return payload


def pin() -> None:
    """Stay on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    main()
