"""Show what the example network that all countries learn together earns and takes, against the small one of a country.

    python bench/shared_network.py earn [--families reference_logit] [--seeds 4] [--countries MLT CYP]
    python bench/shared_network.py seconds [--rows 20000 80000 320000 900000] [--widths 64 256 512]

`earn` plays seasons of small countries twice with the same luck: once the network is the country's own, once it was
learnt together from SHARING before the season, and never again in it. `seconds` learns together from so many rows, on
the CPU and, where the machine has one, on the GPU, in one run, and says from which size on the GPU is faster.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

# As in a round, in which each country has a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from examples import shared_network
from examples.contribution import NUMBERS, ROWS_A_COUNTRY, Rows
from examples.neural_network import NeuralNetwork
from markdown_pricing.backtest.twin import FIRST_WEEK, Setting, Twin, policy_named, shared_with, twin_of
from markdown_pricing.countries import read_countries
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.simulation import play
from markdown_pricing.pricing import SEED
from markdown_pricing.sample.families import FAMILIES
from markdown_pricing.sample.season import sample_market

NETWORK = "examples.neural_network:NeuralNetwork"
SHARING = ("AUT", "CZE", "POL", "ROU", "FRA", "ITA")
COUNTRIES, FIRST_SEED = ("MLT", "CYP"), 5
"""The first seed is the one of bench/pricing.py, because the market was chosen on earlier ones."""
WARM_UP_ROWS = 2_000
"""A first learning that is not measured: CUDA takes seconds to begin."""


def earned(family: str, seed: int, codes: Sequence[str], articles: int, weeks: int) -> list[dict[str, object]]:
    """Revenue of each country's season with its own network and with the shared one, from the same stock and luck."""
    known = read_countries()
    sharing = tuple(known[code] for code in SHARING)
    settings = [Setting(family, known[code], articles, weeks, seed, sharing=sharing) for code in codes]
    began = time.process_time()
    shared = shared_with(settings[0], NETWORK)
    learning_s = time.process_time() - began
    rows: list[dict[str, object]] = []
    for setting in settings:
        of_country = shared and shared.for_country(setting.country.code, NETWORK)
        for name, given in (("own", None), ("shared", of_country)):
            began = time.process_time()
            played = play(name, twin_of(setting), policy_named(NETWORK, given), RuleBook(), weeks)
            figures = {"network": name, "revenue": played.revenue(), "broken": len(played.broken)}
            seconds = {"season_s": time.process_time() - began, "learning_s": learning_s}
            rows.append({"family": family, "seed": seed, "country": setting.country.code, **figures, **seconds})
    return rows


def show_earned(given: argparse.Namespace) -> None:
    tasks = [(family, given.first_seed + seed) for seed in range(given.seeds) for family in given.families]
    with ProcessPoolExecutor(given.workers) as pool:
        running = [pool.submit(earned, *task, tuple(given.countries), given.articles, given.weeks) for task in tasks]
        rows = pd.DataFrame([row for done in running for row in done.result()])
    pairs = rows.pivot(index=["family", "seed", "country"], columns="network", values="revenue")
    pairs["lead_pct"] = 100 * (pairs["shared"] / pairs["own"] - 1)
    print(pairs.round(2).to_string())
    by_seed = pairs.groupby(["family", "seed"])["lead_pct"].mean()
    error = by_seed.std() / np.sqrt(len(by_seed))
    print(f"\nLead of the shared network: {by_seed.mean():.2f} % of revenue, standard error {error:.2f} by markets")
    print(by_seed.groupby("family").mean().round(2).to_string())
    seconds = rows.groupby("network")[["season_s", "learning_s"]].mean().round(1)
    print(f"\nProcessor seconds of a season, and of learning together once:\n{seconds.to_string()}")
    print(f"Rules broken: {rows['broken'].sum()}")


@cache
def _rows_of_sharing() -> list[Rows]:
    known, own = read_countries(), []
    for code in SHARING:
        history = Twin(sample_market(known[code], FIRST_WEEK, None, 0)).frames()[1]
        own.append(Rows.from_bytes(NeuralNetwork.contribution(history, FIRST_WEEK, SEED) or b""))
    return own


def contributions(rows: int) -> dict[str, bytes]:
    """As many rows as asked for, at most ROWS_A_COUNTRY a country: those of SHARING, repeated."""
    own, given, left = _rows_of_sharing(), {}, rows
    for number in range(10_000):
        one = own[number % len(own)]
        taken = np.arange(min(left, ROWS_A_COUNTRY)) % len(one.x)
        parts = {name: getattr(one, name)[taken] for name in NUMBERS}
        given[f"C{number:04}"] = Rows(**parts, categories=one.categories).to_bytes(SEED)
        left -= len(taken)
        if left <= 0:
            break
    return given


def seconds_to_learn(given: dict[str, bytes], device: str, threads: int) -> float:
    began = time.perf_counter()
    shared_network.learn(given, SEED, threads, device)
    return time.perf_counter() - began


def measured(rows: Sequence[int], widths: Sequence[int], threads: int) -> Iterator[dict[str, object]]:
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for device in devices:
        seconds_to_learn(contributions(WARM_UP_ROWS), device, threads)
    for count in rows:
        given = contributions(count)
        for width in widths:
            shared_network.WIDTH = width
            taken = {f"{device}_s": seconds_to_learn(given, device, threads) for device in devices}
            share = {"gpu_share_of_cpu": taken["cuda_s"] / taken["cpu_s"]} if "cuda_s" in taken else {}
            yield {"rows": count, "width": width, **taken, **share}


def show_seconds(given: argparse.Namespace) -> None:
    for row in measured(given.rows, given.widths, given.threads):
        print(", ".join(f"{name} {value:,.3g}" for name, value in row.items()), flush=True)
    if not torch.cuda.is_available():
        print("This machine has no GPU that PyTorch can use: only the CPU was measured.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["earn", "seconds"])
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--countries", nargs="*", default=COUNTRIES)
    parser.add_argument("--articles", type=int, default=30)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, nargs="*", default=[20_000, 80_000, 320_000, 900_000])
    parser.add_argument("--widths", type=int, nargs="*", default=[64, 256, 512])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    (show_earned if given.what == "earn" else show_seconds)(given)


if __name__ == "__main__":
    main()
