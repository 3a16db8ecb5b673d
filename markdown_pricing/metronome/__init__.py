"""Dagster runs as DC/OS Metronome jobs. Imports nothing of the rest of this project."""

from .launcher import MetronomeRunLauncher as MetronomeRunLauncher
from .resource import MetronomeResource as MetronomeResource
from .upkeep import upkeep_sensor as upkeep_sensor
