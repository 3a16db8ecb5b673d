"""Play rounds of 45 countries by commit 849ec51 and by this checkout in turn, from one folder to PostgreSQL.

    python bench/rounds_in_turn.py OTHER [--articles 20000] [--turns 2] [--workers 2]

OTHER is a checkout of that commit with a `.venv` of its own, such as a `git worktree`. This checkout plays two rounds
in each turn: one as it is, and one without what that commit did not do (as_then.py), which may mark down at once and
for every cent, as that commit could. The lake is generated once, and each round finds everything else fresh.
"""

import argparse
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from bench.floor import WEEK  # noqa: E402
from bench.one_country import place_in  # noqa: E402
from bench.pair import AT_ONCE  # noqa: E402
from bench.round import forget_results, play, tell  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402
from markdown_pricing.sample.sizes import zipf_sizes  # noqa: E402
from tests.postgres.server import postgres_server  # noqa: E402

ITSELF, AS_THEN = ("-m", "markdown_pricing"), (str(PROJECT / "bench/as_then.py"),)


def compare(other: Path, articles: int, turns: int, workers: int) -> None:
    countries = read_countries()
    with tempfile.TemporaryDirectory() as root, postgres_server() as server:
        lake, rules = Lake(f"{root}/lake"), Path(root) / "rules.toml"
        rules.write_text(AT_ONCE)
        tell("a lake is generated")
        deliver_sample(lake, WEEK, countries.values(), zipf_sizes(countries, articles), seed=1)
        players = {
            "other": (other, ITSELF, {}),
            "this one, as then": (PROJECT, AS_THEN, {"MARKDOWN_PRICING_RULES": str(rules)}),
            "this one": (PROJECT, ITSELF, {}),
        }
        print("| | seconds | processor seconds |\n|---|---|---|")
        for _ in range(turns):
            for name, (checkout, program, more) in players.items():
                forget_results(lake)
                with tempfile.TemporaryDirectory() as fresh:
                    place = place_in(Path(fresh), server, lake.url)
                    python = str(checkout.resolve() / ".venv/bin/python")
                    seconds, used = play({**place.environ, **more}, workers, python, program, checkout)
                print(f"| {name} | {seconds:.1f} | {used.ru_utime + used.ru_stime:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    compare(**vars(parser.parse_args()))
