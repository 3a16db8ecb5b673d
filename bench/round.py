"""Time a whole round beside its floor: 45 countries, few large and many small, from a folder or HDFS to PostgreSQL.

    python bench/round.py [--articles 1000] [--lakes folder hdfs] [--workers 1 2] [--runs 3]

Production size is --articles 20000, the largest country's: 10 million rows in all. The lake is generated once. Each
round is `markdown-pricing run` as a process, with everything fresh but the lake; LightGBM and BLAS have one thread. In
the same run are measured the bare floor of all countries (bench/floor.py), and the largest country alone, beside its
floor and beside itself with a tenth of the rows.

"Not in assets" is start-up and orchestration: the share of its workers' time that a round does not spend inside assets
and checks, from a step's start to its last output, by Dagster's events. It is processes, imports, runs, events, and
waiting for the other workers at the end. An asset that all workers make together counts for each of them.

HDFS is Hadoop's mini-cluster. Each file lies on its three data nodes, as by HDFS's own default.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from bench.floor import PARTS, WEEK, Place, in_a_process  # noqa: E402
from bench.one_country import COUNTRY, in_turn, place_in, show  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402
from markdown_pricing.sample.sizes import zipf_sizes  # noqa: E402
from tests.hdfs.cluster import REPLICATION, mini_hdfs  # noqa: E402
from tests.postgres.server import PostgresServer, postgres_server  # noqa: E402

MADE_TOGETHER = "learn_shared_demand"
BEGUN_AND_DONE = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_OUTPUT}


@dataclass(frozen=True)
class Round:
    """Figures of one round.

    seconds : from the command's start to its end; cpu_seconds : its own and its workers'
    in_assets : seconds of all workers together
    peak_mib : of the process that needed most
    """

    workers: int
    seconds: float
    cpu_seconds: float
    in_assets: float
    peak_mib: float

    @property
    def in_assets_pct(self) -> float:
        return 100 * self.in_assets / (self.workers * self.seconds)


def round_at(place: Place, workers: int) -> Round:
    seconds, used = play(place.environ, workers)
    cpu_seconds, peak_kib = used.ru_utime + used.ru_stime, used.ru_maxrss
    return Round(workers, seconds, cpu_seconds, _seconds_in_assets(place.home, workers), peak_kib / 1024)


def play(
    environ: Mapping[str, str],
    workers: int,
    python: str = sys.executable,
    program: Sequence[str] = ("-m", "markdown_pricing"),
    folder: Path = PROJECT,
) -> tuple[float, resource.struct_rusage]:
    """The seconds of a round by the program, from its start to its end, and what it and its workers used."""
    command = [python, *program, "run", "--week", str(WEEK), "--workers", str(workers)]
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        log.seek(0)
        assert status == 0, log.read()[-2000:]
    return seconds, used


def _seconds_in_assets(home: Path, workers: int) -> float:
    return sum(seconds * (workers if step == MADE_TOGETHER else 1) for _, step, seconds in steps_of(home))


def steps_of(home: Path) -> Iterator[tuple[str, str, float]]:
    """The partition, the name and the seconds of each step, from its start to its last output, by Dagster's events."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for run in instance.get_runs():
            began, done = dict[str, float](), dict[str, float]()
            for entry in instance.all_logs(run.run_id, BEGUN_AND_DONE):
                event = entry.get_dagster_event()
                (began if event.is_step_start else done)[str(event.step_key)] = entry.timestamp
            for step, at in done.items():
                yield run.tags.get("dagster/partition", ""), step, at - began[step]


@contextmanager
def lake_at(kind: str, lake: Path, folder: Path) -> Iterator[str]:
    """The URL of the lake, or of its copy on an HDFS of its own."""
    if kind == "folder":
        yield str(lake)
        return
    with mini_hdfs(folder / "hdfs", data_nodes=REPLICATION) as cluster:
        url = f"{cluster.url}/lake"
        for file in sorted(file for file in lake.glob("markdown_training_data/**/*") if file.is_file()):
            Lake(url).replace(str(file.relative_to(lake)), file.read_bytes())
        yield url


def forget_results(lake: Lake) -> None:
    for folder in ("markdown_pricing", "markdown_predictions"):
        if lake.entry(folder):
            lake.filesystem.rm(f"{lake.root}/{folder}", recursive=True)


def keep(place: Place, kept: Path, countries: Sequence[str]) -> None:
    """What the floor needs of each country; in two processes, as nobody times them."""

    def work(half: int) -> None:
        here = replace(place, home=place.home / str(half))
        in_a_process(here, "keep", str(kept), *countries[half::2])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))


def rounds_and_floor(
    kind: str, place: Place, folder: Path, server: PostgresServer, countries: Sequence[str], all_workers: Sequence[int]
) -> tuple[list[Round], dict[str, Any]]:
    rounds = []
    with lake_at(kind, Path(place.lake), folder) as url:
        for workers in all_workers:
            tell(f"the round from {kind}, workers: {workers}")
            forget_results(Lake(url))
            with tempfile.TemporaryDirectory() as fresh:
                rounds.append(round_at(place_in(Path(fresh), server, url), workers))
            tell(f"took {rounds[-1].seconds:.0f} s")
        tell(f"the floor from {kind}")
        return rounds, in_a_process(replace(place, lake=url), "floor", str(folder / "kept"), *countries)


def ten_times_the_rows(place: Place, small: Place, runs: int) -> list[tuple[float, float]]:
    """Seconds of the largest country, of a tenth of its articles and of all, in turn."""

    def seconds(where: Place) -> float:
        return float(in_a_process(where, "ours", COUNTRY)["countries"][COUNTRY]["seconds"])

    return [(seconds(small), seconds(place)) for _ in range(runs)]


def measure(articles: int, lakes: Sequence[str], workers: Sequence[int], runs: int) -> None:
    countries, sizes = read_countries(), zipf_sizes(read_countries(), articles)
    with tempfile.TemporaryDirectory() as root, postgres_server() as server:
        folder = Path(root)
        place, small = place_in(folder, server), place_in(folder / "small", server)
        tell("a lake is generated")
        began = time.perf_counter()
        deliver_sample(Lake(place.lake), WEEK, countries.values(), sizes, seed=1)
        generated = time.perf_counter() - began
        rows = ds.dataset(f"{place.lake}/markdown_training_data").count_rows()
        print(f"{len(sizes)} countries, {sum(sizes.values()):,} articles to price, {rows:,} rows, ", end="")
        print(f"generated in {generated:.0f} s.\n", flush=True)
        tell("what LightGBM is given is kept")
        keep(place, folder / "kept", list(sizes))
        found = {kind: rounds_and_floor(kind, place, folder, server, list(sizes), workers) for kind in lakes}
        show_rounds(found)

        tell(f"{COUNTRY} alone, in turn with its floor")
        forget_results(Lake(place.lake))
        show(articles, in_turn(place, folder / "kept alone", runs))
        tell(f"{COUNTRY} alone, a tenth and all of the rows in turn")
        deliver_sample(Lake(small.lake), WEEK, [countries[COUNTRY]], articles // 10, seed=1)
        pairs = ten_times_the_rows(place, small, runs)
    tenth, whole = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
    times = statistics.median(pair[1] / pair[0] for pair in pairs)
    print(f"\n| articles of {COUNTRY} | seconds | times |\n|---|---|---|")
    print(f"| {articles // 10:,} | {tenth:.2f} | 1 |\n| {articles:,} | {whole:.2f} | {times:.1f} |")


def show_rounds(found: dict[str, tuple[list[Round], dict[str, Any]]]) -> None:
    print("| from | workers | seconds | as fast as one | not in assets | CPU seconds | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for kind, (rounds, _) in found.items():
        for each in rounds:
            told = f"{each.seconds:.1f} | {rounds[0].seconds / each.seconds:.2f} | {100 - each.in_assets_pct:.1f} %"
            print(f"| {kind} | {each.workers} | {told} | {each.cpu_seconds:.1f} | {each.peak_mib:,.0f} |")
    print(f"\n| bare floor from | {' | '.join(PARTS)} | seconds | round ÷ floor | peak MiB | round ÷ floor |")
    print(f"|---|{'---|' * len(PARTS)}---|---|---|---|")
    for kind, (rounds, floor) in found.items():
        totals = [sum(country[part] for country in floor["countries"].values()) for part in (*PARTS, "seconds")]
        ratios = rounds[0].seconds / totals[-1], rounds[0].peak_mib / floor["peak_mib"]
        told = " | ".join(f"{seconds:.1f}" for seconds in totals)
        print(f"| {kind} | {told} | {ratios[0]:.1f} | {floor['peak_mib']:,.0f} | {ratios[1]:.2f} |")
    print(flush=True)


def tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--lakes", nargs="+", choices=["folder", "hdfs"], default=["folder", "hdfs"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=3, help="of the largest country alone")
    measure(**vars(parser.parse_args()))
