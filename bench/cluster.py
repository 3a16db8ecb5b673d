"""Simulate rounds of 45 countries on nodes of a cluster: how long they take, their cost, and what more nodes bring.

    python bench/cluster.py [--sizes 1 10 100] [--nodes 1 2 4 8 16 32] [--cpus 8] [--memory-gib 32] [--at-a-time 4]
                            [--measured FILE.json] [--spot-price 0.3] [--lost-an-hour 0.05] [--rounds 100]

A round is what the sensor starts on a Monday: one run learns what the countries share, then each country has a run, the
longest first. Seconds and memory of a country by its articles are those that `sizes.py` measured. Size 1 is
production, where the largest country has 20,000 articles to price; beyond the largest size that was measured they go on
in line. A run asks for 1.5 times its memory, as ours do, and for one and a half cpus; the first one learns from some
countries at a time (--at-a-time) and asks for a cpu and memory for each. A node is there when it has booted, and pulls
the image before its first run. Spot nodes are cheaper and are taken away at random: then another one boots, and a run
that was lost goes on after the last step that it had finished. Nodes are paid for until the round ends; cost is in
hours of a node on demand. Nothing here is a cloud's price list: give your own --spot-price and --lost-an-hour.
"""

import argparse
import heapq
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.packing import makespan
from bench.round import MADE_TOGETHER
from bench.sizes import ARTICLES, PEAK, STEPS
from markdown_pricing.countries import read_countries
from markdown_pricing.orchestration.resources import MOST_AT_A_TIME
from markdown_pricing.sample.sizes import zipf_sizes

Figures = Sequence[Mapping[str, float]]
"""Of sizes that were measured, the smallest first: ARTICLES, the seconds of STEPS, and PEAK."""
LARGEST = 20_000
"""Articles of the largest country at size 1, as in `round.py`."""
HEADROOM = 1.5
"""A run asks for so many times the memory that its earlier weeks took (docs/operations.md)."""
RUN_CPUS = 1.5
"""So many cpus are asked for: one that is used, with the same headroom."""
MIB = 1024
COLUMNS = ("size", "largest", "nodes", "kind", "minutes", "95 %", "cost", "cpus at work", "runs lost", "above bound")
MEASURED: Figures = [
    {ARTICLES: 2_000, **dict(zip(STEPS, (1.3, 0.2, 1.7, 0.9, 0.3), strict=True)), PEAK: 596.0},
    {ARTICLES: 20_000, **dict(zip(STEPS, (2.6, 1.0, 2.2, 7.6, 1.4), strict=True)), PEAK: 1_412.0},
    {ARTICLES: 200_000, **dict(zip(STEPS, (11.8, 13.7, 11.7, 79.7, 12.4), strict=True)), PEAK: 11_771.0},
]
"""What `sizes.py` measured on 2026-11-29, on two idle cores."""


@dataclass(frozen=True)
class Cluster:
    """Nodes that are all alike.

    boot_s, pull_s : until a node is there, and until it has the image
    begin_s        : from a container's start to its first step
    launch_s       : from one launch to the next, of the one daemon that launches
    lost_an_hour   : the chance of a node to be taken away in an hour
    node_price     : of an hour of a node
    """

    nodes: int
    cpus: float
    memory_mib: float
    lost_an_hour: float = 0.0
    node_price: float = 1.0
    boot_s: float = 90.0
    pull_s: float = 25.0
    begin_s: float = 6.0
    launch_s: float = 0.6


@dataclass(frozen=True)
class Job:
    """One run: the seconds of its steps, what it asks for, and how many of the cpus are at work."""

    name: str
    steps: tuple[float, ...]
    memory_mib: float
    cpus: float = RUN_CPUS
    at_work: float = 1.0

    @property
    def seconds(self) -> float:
        return sum(self.steps)

    def after(self, seconds: float) -> "Job":
        """What is left to do of it when it is lost so many seconds after its first step began."""
        ends = np.cumsum(self.steps)
        return replace(self, steps=self.steps[int(np.searchsorted(ends, seconds, side="right")) :])


@dataclass
class Node:
    """A node from its boot on.

    there_at, gone_at : seconds from the round's start ; image_at : when it has the image
    """

    there_at: float
    gone_at: float
    cpus: float
    memory_mib: float
    image_at: float | None = None
    runs: dict[int, tuple[Job, float]] = field(default_factory=dict)

    def has_room_for(self, job: Job) -> bool:
        return self.cpus >= job.cpus and self.memory_mib >= job.memory_mib


@dataclass(frozen=True)
class Played:
    """A round that was played: its seconds, its cost, the share of cpus that worked, and how many runs were lost."""

    seconds: float
    cost: float
    busy: float
    lost: int


def figures_at(measured: Figures, name: str, articles: int) -> float:
    """A figure of a country of that size: on the lines between the measured ones, and on the last line beyond them.

    >>> figures_at([{"articles": 10, "s": 1.0}, {"articles": 20, "s": 2.0}], "s", 40)
    4.0
    """
    at, figure = np.array([one[ARTICLES] for one in measured]), np.array([one[name] for one in measured])
    if articles > at[-1]:
        return float(figure[-1] + (figure[-1] - figure[-2]) / (at[-1] - at[-2]) * (articles - at[-1]))
    return float(np.interp(articles, at, figure))


def jobs_of(measured: Figures, size: float, at_a_time: int = MOST_AT_A_TIME) -> tuple[Job, list[Job]]:
    """The run that learns what countries share, and the countries' runs, at so many times the production's size.

    at_a_time : from so many countries it learns side by side
    """
    sizes = zipf_sizes(read_countries(), round(LARGEST * size))
    memory = {code: HEADROOM * figures_at(measured, PEAK, articles) for code, articles in sizes.items()}
    learning = [figures_at(measured, MADE_TOGETHER, sizes[code]) for code in sorted(sizes)]
    learnt_s = makespan(learning, at_a_time)
    own = [name for name in STEPS if name != MADE_TOGETHER]
    countries = [
        Job(code, tuple(figures_at(measured, name, articles) for name in own), memory[code])
        for code, articles in sizes.items()
    ]
    memory_mib = sum(sorted(memory.values())[-at_a_time:])
    cpus = max(float(at_a_time), RUN_CPUS)
    return Job(MADE_TOGETHER, (learnt_s,), memory_mib, cpus, sum(learning) / learnt_s), countries


class Round:
    """Plays one round. Seconds are counted from the moment at which the nodes are ordered."""

    def __init__(self, cluster: Cluster, rng: np.random.Generator) -> None:
        self.cluster, self.rng = cluster, rng
        self.now, self.launched_at, self.lost = 0.0, -np.inf, 0
        self.worked, self.rented = 0.0, 0.0
        self.numbers = count()
        self.nodes: list[Node] = []
        self.events: list[tuple[float, int, str, Node, int]] = []
        for _ in range(cluster.nodes):
            self._order_node()

    def play(self, jobs: Sequence[Job]) -> None:
        """Run all jobs to their end, the longest first."""
        waiting = sorted(jobs, key=lambda job: -job.seconds)
        self._launch(waiting)
        while waiting or any(node.runs for node in self.nodes):
            self.now, _, what, node, number = heapq.heappop(self.events)
            if what == "gone" and node in self.nodes:
                waiting += self._take_away(node)
                waiting.sort(key=lambda job: -job.seconds)
            elif what == "done" and number in node.runs:
                job, _ = node.runs.pop(number)
                self._give_room_back(node, job)
            self._launch(waiting)

    def result(self) -> Played:
        rented = self.rented + sum(self.now - node.there_at for node in self.nodes if node.there_at < self.now)
        busy = self.worked / max(rented * self.cluster.cpus, 1e-9)
        return Played(self.now, rented / 3600 * self.cluster.node_price, busy, self.lost)

    def _order_node(self) -> None:
        there_at = self.now + self.cluster.boot_s
        lost = self.cluster.lost_an_hour
        lives = self.rng.exponential(3600 / -np.log1p(-lost)) if lost else np.inf
        node = Node(there_at, there_at + lives, self.cluster.cpus, self.cluster.memory_mib)
        self.nodes.append(node)
        self._at(there_at, "there", node)
        if lost:
            self._at(node.gone_at, "gone", node)

    def _launch(self, waiting: list[Job]) -> None:
        """Give each waiting job, in their order, to the fullest node that has room for it."""
        for job in list(waiting):
            able = [node for node in self.nodes if node.there_at <= self.now and node.has_room_for(job)]
            if not able:
                continue
            node = min(able, key=lambda one: (one.cpus, one.memory_mib))
            waiting.remove(job)
            self.launched_at = max(self.now, self.launched_at + self.cluster.launch_s)
            if node.image_at is None:
                node.image_at = self.launched_at + self.cluster.pull_s
            began = max(self.launched_at, node.image_at) + self.cluster.begin_s
            number = next(self.numbers)
            node.runs[number] = job, began
            node.cpus -= job.cpus
            node.memory_mib -= job.memory_mib
            self._at(began + job.seconds, "done", node, number)

    def _take_away(self, node: Node) -> Iterator[Job]:
        self.nodes.remove(node)
        self.rented += self.now - node.there_at
        for job, began in node.runs.values():
            self.lost += 1
            left = job.after(self.now - began)
            self.worked += (job.seconds - left.seconds) * job.at_work
            yield left
        node.runs.clear()
        self._order_node()

    def _give_room_back(self, node: Node, job: Job) -> None:
        self.worked += job.seconds * job.at_work
        node.cpus += job.cpus
        node.memory_mib += job.memory_mib

    def _at(self, when: float, what: str, node: Node, number: int = -1) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), what, node, number))


def play(cluster: Cluster, shared: Job, countries: Sequence[Job], seed: int) -> Played | None:
    """One round; None where a run fits on no node."""
    jobs = (shared, *countries)
    if any(job.memory_mib > cluster.memory_mib or job.cpus > cluster.cpus for job in jobs):
        return None
    playing = Round(cluster, np.random.default_rng(seed))
    playing.play([shared])
    playing.play(countries)
    return playing.result()


def bound(cluster: Cluster, shared: Job, countries: Sequence[Job]) -> float:
    """A time before which no round ends, on however many nodes: both stages by their longest run."""
    start = cluster.boot_s + cluster.pull_s + 2 * cluster.begin_s
    return start + shared.seconds + max(job.seconds for job in countries)


def show(
    measured: Figures,
    sizes: Sequence[float],
    nodes: Sequence[int],
    kinds: Mapping[str, Cluster],
    rounds: int,
    at_a_time: int,
) -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for size in sizes:
        shared, countries = jobs_of(measured, size, at_a_time)
        for kind, one in kinds.items():
            for number in nodes:
                cluster = replace(one, nodes=number)
                seeds = range(rounds if cluster.lost_an_hour else 1)
                played = [play(cluster, shared, countries, seed) for seed in seeds]
                told = f"| {size:g} × | {LARGEST * size:,.0f} | {number} | {kind} "
                print(told + _row([each for each in played if each], bound(cluster, shared, countries)))


def _row(played: Sequence[Played], least: float) -> str:
    if not played:
        return "| no node has the memory | | | | | |"
    minutes = np.array([each.seconds for each in played]) / 60
    cost, busy, lost = (np.mean([getattr(each, name) for each in played]) for name in ("cost", "busy", "lost"))
    above = 100 * (minutes.mean() * 60 / least - 1)
    told = f"| {minutes.mean():.1f} | {np.quantile(minutes, 0.95):.1f} | {cost:.2f} | {busy:.0%}"
    return f"{told} | {lost:.1f} | {max(above, 0.0):.0f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 10, 100])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--cpus", type=float, default=8)
    parser.add_argument("--memory-gib", type=float, default=32)
    parser.add_argument(
        "--measured", type=Path, help="what `sizes.py --out` wrote; not given: the figures in this file"
    )
    parser.add_argument("--spot-price", type=float, default=0.3, help="of an hour, as a share of one on demand")
    parser.add_argument("--lost-an-hour", type=float, default=0.05, help="the chance of a spot node to be taken away")
    parser.add_argument("--rounds", type=int, default=100, help="so many rounds are played on spot nodes")
    parser.add_argument(
        "--at-a-time", type=int, default=MOST_AT_A_TIME, help="countries that what they share is learnt from at a time"
    )
    given = parser.parse_args()
    measured = json.loads(given.measured.read_text()) if given.measured else MEASURED
    demand = Cluster(1, given.cpus, given.memory_gib * MIB)
    spot = replace(demand, lost_an_hour=given.lost_an_hour, node_price=given.spot_price)
    show(measured, given.sizes, given.nodes, {"on demand": demand, "spot": spot}, given.rounds, given.at_a_time)


if __name__ == "__main__":
    main()
