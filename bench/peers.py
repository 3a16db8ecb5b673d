"""Price the same countries side by side: by us, by a plain LightGBM peer, and by mlforecast with a ladder rule.

    python -m venv peer && peer/bin/pip install mlforecast lightgbm pyarrow scikit-learn
    python bench/peers.py --peer peer/bin/python [--sizes 150 2000 20000] [--only sizes|money] [--families …]
                          [--seeds 5] [--articles 40] [--weeks 20]

The first table has one country at each size, which each policy prices once from the snapshot to a file of prices, in a
fresh process. Seconds are those of the processor, which other work on the machine disturbs least; memory is the peak.
`price` is the command, which also judges its model on past weeks, gives reasons and makes the menu. The second table
has the revenue of ended seasons on the twin, salvage included, as a share of the planner's who knows the true demand.
All play the same markets, fit anew every week, and have the rules of bench/peer_once.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Else a thread that waits for the other one of its two spins, which took a hundred times the seconds beside other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

import pandas as pd  # noqa: E402

from bench.peer_once import MLFORECAST, RULES, policy  # noqa: E402
from bench.pricing import as_markdown  # noqa: E402
from markdown_pricing.backtest.scores import by_family, score, share_of_planner  # noqa: E402
from markdown_pricing.backtest.twin import PLANNER, Setting, twin_of  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.markdown.simulation import play  # noqa: E402
from markdown_pricing.process.threads import VARIABLES  # noqa: E402
from markdown_pricing.sample.families import FAMILIES  # noqa: E402

COUNTRY, WEEK, SAMPLE_SEED = "DEU", "2026-11-23", 5
PRICE = "ours: `price`"
POLICIES = {
    "ours: prices alone": "gradient_boosting",
    "plain LightGBM": "bench.plain_peer:PlainPeer",
    "mlforecast and ladder": MLFORECAST,
}
FAMILIES_PLAYED = ("threshold_customers", "linear_demand")
"""Two whose form no model here has."""
COMMAND = [sys.executable, "-m", "markdown_pricing"]


@dataclass(frozen=True)
class Cost:
    """What a fresh process took, with those that it started; `peak_mib` is the sum of both where it started one."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


def cost_of(command: Sequence[str]) -> Cost:
    """Run the command to its end. Raises CalledProcessError.

    A process begins with the peak of the one that starts it, which therefore has to stay small: it holds no data.
    """
    started = time.perf_counter()
    environment = {**os.environ, **dict.fromkeys(VARIABLES, "1"), "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    peak = sum(json.loads(told[-1]).values()) if told and told[-1].startswith("{") else used.ru_maxrss / 1024
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - started, peak)


def costs(folder: Path, articles: int, interpreter: str) -> Iterator[tuple[str, Cost]]:
    """What each policy takes for a country of so many articles, one after the other."""
    lake, out, rules = str(folder / f"lake-{articles}"), str(folder / "prices.parquet"), folder / "rules.toml"
    rules.write_text("[default]\nfull_price_weeks = 0\nleast_gain_pct = 0\n")
    where = ["--lake", lake, "--week", WEEK, "--countries", COUNTRY]
    sample = [*COMMAND, "sample", *where, "--articles", str(articles), "--seed", str(SAMPLE_SEED)]
    subprocess.run(sample, check=True, stdout=subprocess.DEVNULL)
    priced = [*COMMAND, "price", *where, "--out", out, "--rules", str(rules), "--model", "gradient_boosting"]
    once = [sys.executable, str(PROJECT / "bench/peer_once.py")]
    commands = {
        name: [*once, policy_name, lake, WEEK, COUNTRY, out, "--peer", interpreter]
        for name, policy_name in POLICIES.items()
    }
    for name, command in {PRICE: priced, **commands}.items():
        yield name, cost_of(command)


def show_costs(sizes: Sequence[int], interpreter: str) -> None:
    print("\n| articles | priced by | processor seconds | wall seconds | peak MiB |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for articles in sizes:
            for name, cost in costs(Path(folder), articles, interpreter):
                cells = f"{cost.cpu_seconds:.1f} | {cost.wall_seconds:.1f} | {cost.peak_mib:,.0f}"
                print(f"| {articles:,} | {name} | {cells} |", flush=True)


def money(settings: Sequence[Setting], interpreter: str) -> pd.DataFrame:
    """The scores of the planner and of all policies, each in every market."""
    rows = []
    for name, policy_name in {PLANNER: PLANNER, **POLICIES}.items():
        with policy(policy_name, interpreter) as chosen:
            for setting in settings:
                began = time.process_time()
                one = play(name, twin_of(setting), chosen, RULES, setting.weeks)
                seconds = time.process_time() - began
                rows.append(score(setting, one))
                print(f"{name}: {setting.family}, seed {setting.seed}, {seconds:.0f} s here", file=sys.stderr)
    return pd.DataFrame(rows)


def show_money(settings: Sequence[Setting], interpreter: str) -> None:
    scores = money(settings, interpreter)
    print("\nShare of the planner's revenue, %, of seasons that ended\n")
    print(as_markdown(by_family(share_of_planner(scores)).T, 1))
    print(f"\nSeasons: {scores.groupby('policy')['seasons'].sum().iloc[0]}. Rules broken: {scores['broken'].sum()}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="an interpreter that has mlforecast")
    parser.add_argument("--sizes", nargs="+", type=int, default=[150, 2_000, 20_000])
    parser.add_argument("--only", choices=["sizes", "money"])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES_PLAYED)
    parser.add_argument("--seeds", nargs="+", type=int, default=[5], help="100 to 104 were tuned on")
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=20)
    given = parser.parse_args()
    if given.only != "money":
        show_costs(given.sizes, given.peer)
    if given.only != "sizes":
        country = read_countries()[COUNTRY]
        settings = [
            Setting(family, country, given.articles, given.weeks, seed)
            for family in given.families
            for seed in given.seeds
        ]
        show_money(settings, given.peer)


if __name__ == "__main__":
    main()
