"""Profile `price` of the same countries by two checkouts, and say where the seconds of both go.

    python bench/profiles.py OTHER [--articles 300] [--countries AUT DEU POL]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. A row is a function,
with all that it calls; rows lie within one another, so that they do not add up to the whole. The profiler makes many
short calls look longer than they are: compare the two checkouts, and take seconds from pair.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from bench.pair import WEEK  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.process.threads import VARIABLES  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402

PROFILED = """
import cProfile, json, pstats, sys
from pathlib import Path

profile, arguments = cProfile.Profile(), sys.argv[1:]
sys.argv = ["markdown-pricing", *arguments]
profile.enable()
try:
    from markdown_pricing.__main__ import main
    main()
except SystemExit as end:
    assert not end.code
profile.disable()
found = {}
for (file, _, name), (_, calls, _, seconds, _) in pstats.Stats(profile).stats.items():
    place = f"{Path(file).stem}.{name}"
    before = found.get(place, (0, 0.0))
    found[place] = before[0] + calls, max(before[1], seconds)
print("\\n" + json.dumps(found))
"""
"""Run by each checkout: of each function, by its module's last name and its own, the calls and the seconds."""

ROWS: Mapping[str, Sequence[str]] = {
    "all": ("__main__.main",),
    "imports of the command": ("price.<module>",),
    "what countries share": ("learnt_together.learn_shared", "pricing.learn_shared"),
    "a country's model and its checks": ("step_down.choose",),
    "of it the model that is judged": ("model.evaluate",),
    "fits of the log-linear model": ("log_linear.learn",),
    "in them Newton's steps": ("pooling.fit_pooled",),
    "in them scales of articles": ("level.choose_own_effects",),
    "trees": ("engine.train",),
    "the coming week's forecast": ("near.learn_near",),
    "prices, paths and rows": ("pricing.price_articles",),
    "in it the dynamic programme": ("task.solve",),
}
"""What a row of the table is called, and the functions that it may be in a checkout."""


def profile_of(checkout: Path, lake: str, out: Path) -> Mapping[str, tuple[int, float]]:
    """Calls and seconds of each function while the checkout prices the lake."""
    program: list[str | Path] = [checkout / ".venv/bin/python", "-c", PROFILED]
    command = [*program, "price", "--lake", lake, "--week", str(WEEK), "--out", out]
    environ = {**os.environ, **dict.fromkeys(VARIABLES, "1")}
    told = subprocess.run(command, check=True, cwd=checkout, env=environ, capture_output=True, text=True).stdout
    return {name: (calls, seconds) for name, (calls, seconds) in json.loads(told.splitlines()[-1]).items()}


def compare(other: Path, articles: int, countries: Sequence[str]) -> None:
    configured = read_countries()
    with tempfile.TemporaryDirectory() as folder:
        lake = f"{folder}/lake"
        deliver_sample(Lake(lake), WEEK, [configured[code] for code in countries], articles, seed=5)
        both = [profile_of(checkout.resolve(), lake, Path(folder) / "out.parquet") for checkout in (other, PROJECT)]
    print("| | other, calls | s | this one, calls | s |\n|---|---|---|---|---|")
    for row, names in ROWS.items():
        cells = [next((one[name] for name in names if name in one), (0, 0.0)) for one in both]
        print(f"| {row} | {' | '.join(f'{calls} | {seconds:.2f}' for calls, seconds in cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--countries", nargs="+", default=["AUT", "DEU", "POL"])
    compare(**vars(parser.parse_args()))
