"""What a run is given that repeats one whose memory was not enough: more, in steps, and only then."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from enum import Enum
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from markdown_pricing.orchestration.names import OUT_OF_MEMORY_TAG
from markdown_pricing.orchestration.needs import KUBERNETES_CONFIG, METRONOME_MEM

STEP = 2
"""The factor from one step to the next. Chosen on 2026-11-28: from the 2 GiB that a small country is given, four steps
lead to the 32 GiB that are the most by default."""
KILLED = "OOMKilled"
"""The kubelet's word, which Dagster quotes in a run's failure; a container that was drained or deleted has another."""
ENDED_WITHOUT_A_WORD = "failed, or was stopped"
"""Our launcher's words for a Metronome run. Metronome is not told why a container ended: it may be for its memory."""
_MIB = {"": 2**-20, "Ki": 2**-10, "Mi": 1.0, "Gi": 2.0**10, "Ti": 2.0**20, "k": 1e3 / 2**20, "M": 1e6 / 2**20}
_MIB |= {"G": 1e9 / 2**20, "T": 1e12 / 2**20}


class Memory(Enum):
    """What the end of a run says of the memory that it had."""

    ENOUGH = "enough, or nothing speaks against it"
    PERHAPS_TOO_LITTLE = "perhaps too little"
    TOO_LITTLE = "too little"


def memory_by_the_end_of(instance: dg.DagsterInstance, run_id: str) -> Memory:
    """What is recorded of a run's end."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.tags.get(OUT_OF_MEMORY_TAG) == run_id:  # else it has inherited the tag
        return Memory.TOO_LITTLE
    failures = instance.all_logs(run_id, DagsterEventType.RUN_FAILURE)
    said = "\n".join(entry.dagster_event.message or "" for entry in failures if entry.dagster_event)
    if KILLED in said:
        return Memory.TOO_LITTLE
    return Memory.PERHAPS_TOO_LITTLE if ENDED_WITHOUT_A_WORD in said else Memory.ENOUGH


def mib_given(tags: Mapping[str, str]) -> float | None:
    """The memory that a run's container was asked for, by the tags that its launcher reads; None where they don't say.

    >>> mib_given({"metronome/mem": "4096"}), mib_given({})
    (4096.0, None)
    >>> mib_given({"dagster-k8s/config": '{"container_config": {"resources": {"limits": {"memory": "64Gi"}}}}'})
    65536.0
    """
    if METRONOME_MEM in tags:
        return float(tags[METRONOME_MEM])
    limits = _resources(_config_in(tags)).get("limits") or {}
    amount = re.fullmatch(r"([0-9.]+)([KMGT]i|[kMGT]|)", str(limits.get("memory", "")))
    return float(amount[1]) * _MIB[amount[2]] if amount else None


def next_step(had_mib: float | None, max_mib: int) -> int | None:
    """The memory in MiB after `had_mib` was not enough; None when there is no more. What nobody knows of is the most.

    >>> next_step(3000, 32768), next_step(20_000, 32768), next_step(None, 32768), next_step(32768, 32768)
    (6000, 32768, 32768, None)
    """
    if had_mib is None:
        return max_mib
    return min(int(STEP * had_mib), max_mib) if had_mib < max_mib else None


def with_memory(tags: Mapping[str, str], mib: int, launcher: str) -> dict[str, str]:
    """The one tag by which a launcher, named by its class, gives so much memory; all else that the tag says stays."""
    if launcher != "K8sRunLauncher":
        return {METRONOME_MEM: str(mib)}
    config = deepcopy(_config_in(tags))
    resources = config.setdefault("container_config", {}).setdefault("resources", {})
    for kind in ("requests", "limits"):
        resources[kind] = {**(resources.get(kind) or {}), "memory": f"{mib}Mi"}
    return {KUBERNETES_CONFIG: json.dumps(config)}


def _config_in(tags: Mapping[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(tags.get(KUBERNETES_CONFIG, "{}"))
    return config


def _resources(config: Mapping[str, Any]) -> Mapping[str, Any]:
    resources: Mapping[str, Any] = (config.get("container_config") or {}).get("resources") or {}
    return resources
