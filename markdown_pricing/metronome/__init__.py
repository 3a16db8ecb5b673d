"""Dagster runs as Metronome jobs of DC/OS.

Of this project it imports `secret_texts` and `loopback`, which import nothing of it.
"""

from .launcher import MetronomeRunLauncher as MetronomeRunLauncher
from .resource import MetronomeResource as MetronomeResource
from .upkeep import upkeep_sensor as upkeep_sensor
