"""Experiments that go with problems. To add one, write a file here that registers an `Experiment`."""

from importlib import import_module
from pkgutil import iter_modules

from closedform.app.experiments.record import EXPERIMENTS, Experiment, Setting

for _module in iter_modules(__path__):
    if _module.name != "worker":
        import_module(f"{__name__}.{_module.name}")

__all__ = ["EXPERIMENTS", "Experiment", "Setting"]
