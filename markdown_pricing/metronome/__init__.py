"""Dagster runs as Metronome jobs of DC/OS. This package imports nothing else of this project."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .launcher import MetronomeRunLauncher as MetronomeRunLauncher
    from .resource import MetronomeResource as MetronomeResource
    from .upkeep import upkeep_sensor as upkeep_sensor

_MODULES = {"MetronomeRunLauncher": "launcher", "MetronomeResource": "resource", "upkeep_sensor": "upkeep"}


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: who only looks for secrets in a text needs no Dagster and no HTTP library."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
