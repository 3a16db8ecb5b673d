"""Time the first look at Dagster's page by two checkouts in turn: until the lineage is seen, and each page after it.

    python bench/first_look.py OTHER [--countries DEU AUT POL] [--articles 40] [--pairs 3]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Each checkout prices
the same delivery, which this one makes, and is then looked at as a person would: `make ui`, a browser that has never
been there, the lineage, and one page after the other. A page is there when what it is opened for is drawn. The code
location alone is a server of `dagster api grpc`.

Processor seconds are those of Dagster's servers, and of what they have started; other work on the machine disturbs them
least. Those of the browser do not count. Memory is the sum of what the servers needed at their peaks.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import DEVNULL

from playwright.sync_api import Page, ViewportSize

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402
from tests.processes import answers, end_groups, free_port, wait_until  # noqa: E402
from tests.system.browser import chromium  # noqa: E402

WEEK = date(2026, 11, 23)
PATIENCE_S = 180.0
LOOK_EVERY_S = 0.1
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
LOCATION = "markdown_pricing.definitions"
SCREEN = ViewportSize(width=1600, height=1000)
LINEAGE = "/locations/markdown_pricing/asset-groups/markdown_pricing"


Seen = dict[str, list[tuple[float, float, float]]]
"""By what was looked at, a value for each look: seconds, the servers' processor seconds, and their peak MiB."""


@dataclass(frozen=True)
class Place:
    """A checkout, and the folder of what it has priced."""

    checkout: Path
    folder: Path
    countries: Sequence[str]

    @property
    def environ(self) -> dict[str, str]:
        ours = ("MARKDOWN_PRICING_", "DAGSTER_", "COUNTRY_GROUP")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "MARKDOWN_PRICING_LAKE": str(self.folder / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.folder}/erp.sqlite",
            "MARKDOWN_PRICING_COUNTRIES": str(self._countries_file()),
            "MARKDOWN_PRICING_START_WEEK": WEEK.isoformat(),
            "DAGSTER_HOME": str(self.folder / "dagster"),
        }

    @contextmanager
    def started(self, *command: str | Path) -> Iterator["Servers"]:
        """What a command of the checkout starts, which ends with the `with` block."""
        with (self.folder / "servers.log").open("wb") as log:
            # A session of its own holds the servers that it starts.
            process = subprocess.Popen(
                command, cwd=self.checkout, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield Servers(process.pid, time.monotonic())
            finally:
                end_groups([process])

    def _countries_file(self) -> Path:
        """The countries, in the columns that the checkout knows."""
        all_of_them = (self.checkout / "markdown_pricing/data/countries.csv").read_text()
        header, *rows = all_of_them.splitlines()
        file = self.folder / "countries.csv"
        file.write_text("\n".join([header, *(row for row in rows if row.split(",")[0] in self.countries)]) + "\n")
        return file


@dataclass(frozen=True)
class Servers:
    """The processes of a session, by what the kernel counts (man 5 proc)."""

    session: int
    began: float

    def figures(self, began: float | None = None, processor_before: float = 0.0) -> tuple[float, float, float]:
        """A look that ends now; without `began` it has begun with the servers."""
        seconds = time.monotonic() - (self.began if began is None else began)
        return seconds, self.processor_seconds() - processor_before, self.peak_mib()

    def processor_seconds(self) -> float:
        """Those of all processes, and of their children that have ended."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._processes()) / TICKS_A_SECOND

    def peak_mib(self) -> float:
        lines = [line for folder, _ in self._processes() for line in (folder / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def _processes(self) -> Iterator[tuple[Path, list[str]]]:
        """Their folders, and the fields of `stat` that follow the command's name."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
            if int(fields[3]) == self.session:
                yield stat.parent, fields


IsDrawn = Callable[[Page], object]
"""Waits until what a page is opened for is there."""


def pages(countries: Sequence[str]) -> dict[str, tuple[str, IsDrawn]]:
    """The path of each page, and what waits for it."""
    of_a_country = f"?view=partitions&partition={countries[0]}%7C{WEEK}"

    def text(words: str) -> IsDrawn:
        return lambda page: page.get_by_text(words).first.wait_for()

    def figure(label: str) -> IsDrawn:
        return lambda page: page.get_by_role("cell", name=label, exact=True).first.wait_for()

    def node(asset: str, words: str) -> IsDrawn:
        return lambda page: page.locator("foreignObject", has_text=asset).get_by_text(words).first.wait_for()

    return {
        "lineage": (LINEAGE, node("erp_refresh", f"{len(countries)} partition")),
        "weeks and countries": ("/assets/erp_refresh?view=partitions", text(f"Materialized ({len(countries)})")),
        "a country's prices": (f"/assets/markdown_predictions{of_a_country}", figure("Articles")),
        "a country's demand model": (f"/assets/demand_model{of_a_country}", figure("Model")),
        "checks of the prices": ("/assets/markdown_predictions?view=checks", text("every_article_has_a_row")),
        "all assets": ("/assets", text("erp_refresh")),
        "runs": ("/runs", text(f"markdown/country: {countries[0]}")),
        "automation": ("/automation", text("training_data_sensor")),
        "pools": ("/deployment/concurrency", text("country_runs")),
    }


def look(place: Place, seen: Seen) -> None:
    """At the code location alone, and then from `make ui` on with a browser that has never been there."""
    port = free_port()
    python = place.checkout / ".venv/bin/python"
    with place.started(python, "-m", "dagster", "api", "grpc", "-m", LOCATION, "-p", str(port)) as servers:
        wait_until("the code server answers", lambda: answers(port), PATIENCE_S, lambda: "not there", LOOK_EVERY_S)
        seen.setdefault("the code location alone", []).append(servers.figures())

    port = free_port()
    with chromium() as browser, place.started("make", "ui", f"PORT={port}") as servers:
        page = browser.new_page(base_url=f"http://localhost:{port}", viewport=SCREEN)
        page.set_default_timeout(PATIENCE_S * 1000)
        wait_until("the web server answers", lambda: answers(port), PATIENCE_S, lambda: "not there", LOOK_EVERY_S)
        everything = pages(place.countries)
        open_page(page, *everything["lineage"])
        seen.setdefault("from `make ui` to the lineage", []).append(servers.figures())
        for name, (path, is_drawn) in everything.items():
            before = time.monotonic(), servers.processor_seconds()
            open_page(page, path, is_drawn)
            seen.setdefault(name, []).append(servers.figures(*before))


def open_page(page: Page, path: str, is_drawn: IsDrawn) -> None:
    page.goto(path)
    is_drawn(page)


def priced(checkout: Path, folder: Path, delivery: Path, countries: Sequence[str]) -> Place:
    """The delivery, priced by the checkout, in a folder that is made for it."""
    (folder / "dagster").mkdir(parents=True)
    shutil.copytree(delivery, folder / "lake")
    place = Place(checkout, folder, countries)
    command = checkout / ".venv/bin/markdown-pricing"
    subprocess.run([command, "run", "--week", str(WEEK)], check=True, cwd=checkout, env=place.environ, stdout=DEVNULL)
    return place


def show(other: Seen, own: Seen) -> None:
    print("| what is looked at | other, s | this one, s | other, processor s | this one, processor s ", end="")
    print("| other, MiB | this one, MiB |\n|---|---|---|---|---|---|---|")
    for name in own:
        cells = [
            f"{statistics.median(look[which] for look in seen[name]):{form}}"
            for which, form in enumerate((".1f", ".1f", ",.0f"))
            for seen in (other, own)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def compare(other: Path, countries: Sequence[str], articles: int, pairs: int) -> None:
    configured, looks = read_countries(), (Seen(), Seen())
    with tempfile.TemporaryDirectory() as root:
        delivery = Path(root) / "delivery"
        deliver_sample(Lake(str(delivery)), WEEK, [configured[code] for code in countries], articles, seed=5)
        checkouts = {"other": other.resolve(), "own": PROJECT}
        places = [priced(checkout, Path(root) / name, delivery, countries) for name, checkout in checkouts.items()]
        for number in range(pairs):
            for place, seen in zip(places, looks, strict=True):
                look(place, seen)
            print(f"{number + 1} of {pairs} pairs", file=sys.stderr, flush=True)
    show(*looks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--countries", nargs="+", default=["DEU", "AUT", "POL"])
    parser.add_argument("--articles", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=3)
    compare(**vars(parser.parse_args()))
