"""The problems of the exercise sheet, in order. To add one, write a file here that registers a `Problem`."""

from importlib import import_module
from pkgutil import iter_modules

from closedform.problems import record
from closedform.problems.record import Problem

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

PROBLEMS: dict[str, Problem] = dict(sorted(record.PROBLEMS.items(), key=lambda item: item[1].number))

__all__ = ["PROBLEMS", "Problem"]
