"""Kill runs of real workers by kill -9, on PostgreSQL and HDFS or a folder, and check what must hold after each kill.

    python bench/kills.py [--kills 200] [--seed 1] [--lake hdfs|hdfs-2|folder] [--countries DEU,AUT,EST]

Each run of a country is killed four times: right after a step event was recorded, each event in turn; twice at random,
within the first half of a run's time; in a publish or at the refresh's commit. Each kill is followed by what Dagster's
daemon does. After each the country's rows must be one set with its receipt and its files whole; at the end all must
equal an undisturbed run's, byte for byte, times and run ids aside.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from tests.hdfs.cluster import HADOOP_2, HADOOP_3, mini_hdfs  # noqa: E402
from tests.postgres.server import postgres_server  # noqa: E402
from tests.system.kills import Shop, Tally, kill_and_retry, shop  # noqa: E402
from tests.system.moments import AfterEvent, AtRandom, AtTheCommit, InAPublish, Moment  # noqa: E402

ARTICLES = 20


@contextmanager
def lake_url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "folder":
        yield str(folder / "lake")
        return
    with mini_hdfs(folder / "hdfs", hadoop={"hdfs": HADOOP_3, "hdfs-2": HADOOP_2}[kind]) as cluster:
        yield f"{cluster.url}/lake"


def moments(run: int, here: Shop, dice: random.Random) -> Iterator[Moment]:
    """The moment at which the run with that number is killed."""
    yield AfterEvent(1 + run % len(here.boundaries))
    yield AtRandom(dice.uniform(0, here.seconds / 2))
    yield AtRandom(dice.uniform(0, here.seconds / 2))
    yield dice.choice([InAPublish(1), InAPublish(2), AtTheCommit(after=False), AtTheCommit(after=True)])


def kill_on(kills: int, seed: int, lake: str, countries: str) -> Tally:
    dice, tally, codes = random.Random(seed), Tally(), countries.split(",")
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server() as server,
        lake_url(lake, Path(folder)) as url,
        shop(Path(folder), url, server.fresh_database(), server.user, codes, ARTICLES) as here,
    ):
        undisturbed = {code: here.undisturbed(code) for code in codes}
        while sum(tally.kills.values()) < kills:
            code = codes[tally.runs % len(codes)]
            here.forget(code)
            kill_and_retry(here, code, list(moments(tally.runs, here, dice)), tally)
            if here.results(code) != undisturbed[code]:
                tally.violations.append(f"{code}: run {tally.runs} ended otherwise than an undisturbed one")
            tally.leftovers += here.leftovers_of_a_day()
            if here.leftovers_of_a_day():
                tally.violations.append(f"{code}: an unfinished file older than a day remains")
            print(f"{sum(tally.kills.values())} kills, {len(tally.violations)} violations", file=sys.stderr)
        if tally.runs >= len(here.boundaries):
            spared = [boundary for boundary in here.boundaries if boundary not in tally.kills]
            tally.violations += [f"nobody was killed when {boundary}" for boundary in spared]
    return tally


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lake", choices=["hdfs", "hdfs-2", "folder"], default="hdfs")
    parser.add_argument("--countries", default="DEU,AUT,EST")
    began = time.monotonic()
    told = kill_on(**vars(parser.parse_args()))
    print("| killed | times |\n|---|---|")
    for moment, times in sorted(told.kills.items()):
        print(f"| {moment} | {times} |")
    print("\n| | |\n|---|---|")
    print(f"| kills | {sum(told.kills.values())} |")
    print(f"| runs, each with its retries | {told.runs} |")
    print(f"| looks at rows, receipts and files | {told.looks} |")
    print(f"| unfinished files that killed writers left, taken away when a day old | {told.leftovers} |")
    print(f"| violations | {len(told.violations)} |")
    print(f"| minutes | {(time.monotonic() - began) / 60:.1f} |")
    for violation in told.violations:
        print(f"\n{violation}")
