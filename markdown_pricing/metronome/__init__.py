"""Dagster runs as Metronome jobs of DC/OS. This package imports nothing else of this project."""

from .launcher import MetronomeRunLauncher as MetronomeRunLauncher
from .resource import MetronomeResource as MetronomeResource
from .upkeep import upkeep_sensor as upkeep_sensor
