"""The sensors that look after runs in a cluster, which are made only where there is such a cluster."""

from collections.abc import Iterator

import dagster as dg

from markdown_pricing.installation.settings import Settings


def upkeep(settings: Settings) -> Iterator[dg.SensorDefinition]:
    """Where there is a Metronome, and where this is a pod. What each needs is loaded only there."""
    if settings.metronome:
        from markdown_pricing.metronome import upkeep_sensor

        yield upkeep_sensor()
    if settings.in_kubernetes:
        from markdown_pricing.orchestration.kubernetes_upkeep import kubernetes_upkeep

        yield kubernetes_upkeep
