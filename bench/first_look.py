"""Time the first look at Dagster's page by two checkouts in turn: the code location, the lineage, and each other page.

    python bench/first_look.py OTHER [--countries DEU AUT POL] [--articles 40] [--pairs 3]

OTHER is another checkout with a `.venv`. Each has priced the same delivery before, and is looked at after `make ui`, by
a browser that has never been there. At the end the lineage stays open and asks for news by itself. A page is there when
the text is drawn for which it is opened. Processor seconds are those of all servers, which other work disturbs
least; the browser's do not count.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402
from tests.processes import answers, end_groups, free_port, wait_until  # noqa: E402
from tests.system.browser import chromium  # noqa: E402

WEEK, PATIENCE_S = date(2026, 11, 23), 180.0
OPEN_S, LAST = 60, "lineage once more"
LINEAGE = "/locations/markdown_pricing/asset-groups/markdown_pricing"
Look = tuple[float, float, float]
"""Seconds, processor seconds of the servers, and the sum of the MiB that each needed at its peak."""


@dataclass(frozen=True)
class Servers:
    """The processes of a session, by what the kernel counts (man 5 proc)."""

    session: int

    def processor_seconds(self) -> float:
        """Those of all processes, and of their children that have ended."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._processes()) / os.sysconf("SC_CLK_TCK")

    def look(self, began: float, before: float = 0.0) -> Look:
        """A look that ends now, and began at this moment and with these processor seconds."""
        lines = [line for folder, _ in self._processes() for line in (folder / "status").read_text().splitlines()]
        peak = sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        return time.monotonic() - began, self.processor_seconds() - before, peak

    def _processes(self) -> Iterator[tuple[Path, list[str]]]:
        """Their folders, and the fields of `stat` that follow the command's name."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
            if int(fields[3]) == self.session:
                yield stat.parent, fields


@contextmanager
def started(checkout: Path, environ: dict[str, str], port: int, *command: str | Path) -> Iterator[Servers]:
    """What the command starts, once it listens on the port."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=checkout, env=environ, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until("it answers", lambda: answers(port), PATIENCE_S, lambda: command, every_s=0.1)
            yield Servers(process.pid)
        finally:
            end_groups([process])


def pages(countries: Sequence[str]) -> dict[str, tuple[str, str | re.Pattern[str]]]:
    """The path of each page, and the text for which it is opened."""
    of_a_country = f"?view=partitions&partition={countries[0]}%7C{WEEK}"
    return {
        "overview": ("/overview", re.compile("^(markdown_pricing$|No runs or scheduled)")),
        "catalog of assets": ("/assets", "erp_refresh"),
        "weeks and countries": ("/assets/erp_refresh?view=partitions", f"Materialized ({len(countries)})"),
        "a country's prices": (f"/assets/markdown_predictions{of_a_country}", "Price paths"),
        "a country's demand model": (f"/assets/demand_model{of_a_country}", "Expected and actual units"),
        "checks of the prices": ("/assets/markdown_predictions?view=checks", "every_article_has_a_row"),
        "runs": ("/runs", f"markdown/country: {countries[0]}"),
        "automation": ("/automation", "training_data_sensor"),
        "resources": ("/locations/markdown_pricing/resources", "erp"),
        "pools": ("/deployment/concurrency", "country_runs"),
        LAST: (LINEAGE, f"{len(countries)} partitions"),
    }


def look(checkout: Path, environ: dict[str, str], countries: Sequence[str]) -> dict[str, Look]:
    """At the code location alone, then at each page, by what was looked at."""
    began, port = time.monotonic(), free_port()
    code_server = (checkout / ".venv/bin/dagster", "api", "grpc", "-m", "markdown_pricing.definitions", "-p", str(port))
    with started(checkout, environ, port, *code_server) as servers:
        seen = {"the code location alone": servers.look(began)}
    with chromium() as browser:
        began, before, port, every = time.monotonic(), 0.0, free_port(), pages(countries)
        page = browser.new_page(base_url=f"http://localhost:{port}", viewport={"width": 2600, "height": 1000})
        page.set_default_timeout(PATIENCE_S * 1000)
        # The environment is not made anew.
        with started(checkout, environ, port, "make", "--old-file", ".venv/run", "ui", f"PORT={port}") as servers:
            for name, (path, text) in {"from `make ui` to the lineage": every[LAST], **every}.items():
                page.goto(path)
                page.get_by_text(text).filter(visible=True).first.wait_for()
                seen[name] = servers.look(began, before)
                began, before = time.monotonic(), servers.processor_seconds()
            page.wait_for_timeout(1000 * OPEN_S)
            seen[f"the lineage, open for {OPEN_S} s"] = servers.look(began, before)
    return seen


def priced(checkout: Path, folder: Path, delivery: Path, countries: Sequence[str]) -> dict[str, str]:
    """The environment of the delivery as the checkout has priced it, in a folder that is made for it."""
    shutil.copytree(delivery, folder / "lake")
    header, *rows = (checkout / "markdown_pricing/data/countries.csv").read_text().splitlines()
    chosen = "\n".join([header, *(row for row in rows if row.split(",")[0] in countries)])
    (folder / "countries.csv").write_text(f"{chosen}\n")
    ours = ("MARKDOWN_PRICING_", "DAGSTER_", "COUNTRY_GROUP")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
        "MARKDOWN_PRICING_COUNTRIES": str(folder / "countries.csv"),
        "MARKDOWN_PRICING_START_WEEK": WEEK.isoformat(),
        "MARKDOWN_PRICING_LOG": "off",
        "DAGSTER_HOME": str(folder / "dagster"),
        "PYTHONPATH": str(checkout),  # before what is installed in its environment
    }
    run = [str(checkout / ".venv/bin/python"), "-m", "markdown_pricing", "run", "--week", str(WEEK)]
    subprocess.run(run, check=True, cwd=checkout, env=environ, stdout=subprocess.DEVNULL)
    return environ


def compare(other: Path, countries: Sequence[str], articles: int, pairs: int) -> None:
    configured = read_countries()
    with tempfile.TemporaryDirectory() as root:
        delivery = Path(root) / "delivery"
        deliver_sample(Lake(str(delivery)), WEEK, [configured[code] for code in countries], articles, seed=5)
        checkouts = {"other": other.resolve(), "own": PROJECT}
        places = {name: priced(path, Path(root) / name, delivery, countries) for name, path in checkouts.items()}
        looks: list[dict[str, dict[str, Look]]] = []
        for _ in range(pairs):
            looks.append({name: look(checkouts[name], places[name], countries) for name in checkouts})
            show(looks)


def show(looks: Sequence[dict[str, dict[str, Look]]]) -> None:
    """Print the medians of the pairs so far."""
    print(f"\n{len(looks)} of each\n")
    print("| what is looked at | s, other | s, own | processor s, other | processor s, own | MiB, other | MiB, own |")
    print("|---|---|---|---|---|---|---|")
    for what in looks[0]["own"]:
        cells = [
            f"{statistics.median(pair[name][what][figure] for pair in looks):{form}}"
            for figure, form in enumerate((".1f", ".1f", ",.0f"))
            for name in ("other", "own")
        ]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--countries", nargs="+", default=["DEU", "AUT", "POL"])
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=3)
    compare(**vars(parser.parse_args()))
