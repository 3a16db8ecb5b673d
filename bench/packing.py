"""Compute how long a round of the 45 countries would take on N slots, longest first and as a static split.

    python bench/packing.py [--slots 3 6 12] [--seconds FILE.json]

The seconds of each country are measured: `markdown-pricing run` on the sample, one worker; or FILE, what that command
printed with --json. Longest first is how the sensor queues them; the static split is the published one: contiguous
groups of near equal length, one for each slot.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from markdown_pricing.countries import read_countries, split_countries

WEEK = "2026-02-09"


def makespan(seconds: Iterable[float], slots: int) -> float:
    """The time at which the last run ends when each run in turn begins on the slot that is free first."""
    free_at = [0.0] * slots
    for duration in seconds:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def longest_first(seconds: Mapping[str, float], slots: int) -> float:
    return makespan(sorted(seconds.values(), reverse=True), slots)


def static_split(seconds: Mapping[str, float], slots: int) -> float:
    """The time at which the last of contiguous groups ends, with one group for each slot."""
    return max(sum(seconds[code] for code in group) for group in split_countries(list(seconds), slots))


def lower_bound(seconds: Mapping[str, float], slots: int) -> float:
    """A time before which no schedule ends: the work divided evenly, or the longest country alone."""
    return max(sum(seconds.values()) / slots, max(seconds.values()))


def measured(file: Path | None) -> dict[str, float]:
    told = json.loads(file.read_text() if file else _run())
    return {each["country"]: each["seconds"] for each in told["countries"]}


def _run() -> str:
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "MARKDOWN_PRICING_LAKE": f"{folder}/lake",
            "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
            "DAGSTER_HOME": f"{folder}/dagster",
        }
        ours = [sys.executable, "-m", "markdown_pricing"]
        subprocess.run([*ours, "sample", "--lake", f"{folder}/lake", "--week", WEEK], env=environ, check=True)
        run = subprocess.run([*ours, "run", "--json"], env=environ, check=True, stdout=subprocess.PIPE, text=True)
        return run.stdout


def show(seconds: Mapping[str, float], all_slots: Sequence[int]) -> None:
    total, longest = sum(seconds.values()), max(seconds.values())
    print(f"{len(seconds)} countries, {total:.0f} s in all, the longest {longest:.1f} s\n")
    print("| slots | lower bound | longest first | against it | static split | against it |\n|---|---|---|---|---|---|")
    for slots in all_slots:
        bound = lower_bound(seconds, slots)
        found = (rule(seconds, slots) for rule in (longest_first, static_split))
        told = " | ".join(f"{span:.1f} s | {span / bound:.2f}" for span in found)
        print(f"| {slots} | {bound:.1f} s | {told} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=[3, 6, 12])
    parser.add_argument("--seconds", type=Path)
    given = parser.parse_args()
    found = measured(given.seconds)
    show({code: found[code] for code in read_countries() if code in found}, given.slots)
