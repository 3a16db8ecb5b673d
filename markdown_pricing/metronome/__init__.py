"""Dagster runs as Metronome jobs of DC/OS. Of the project that contains it, this package imports nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launcher import MetronomeRunLauncher as MetronomeRunLauncher
    from .resource import MetronomeResource as MetronomeResource
    from .upkeep import upkeep_sensor as upkeep_sensor
else:

    def __getattr__(name: str) -> object:
        """What needs Dagster comes when it is asked for: `loopback` and `secret_texts` are used where that is slow."""
        if name == "MetronomeRunLauncher":
            from .launcher import MetronomeRunLauncher

            return MetronomeRunLauncher
        if name == "MetronomeResource":
            from .resource import MetronomeResource

            return MetronomeResource
        if name == "upkeep_sensor":
            from .upkeep import upkeep_sensor

            return upkeep_sensor
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
