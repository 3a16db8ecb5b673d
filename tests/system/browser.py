"""Chromium before the Dagster UI of a small installation, started as `make ui` starts it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import playwright.sync_api as playwright
from playwright.sync_api import Locator, Page

from markdown_pricing import DATA
from tests.processes import answers, end_groups, free_port, wait_until
from tests.quick import PATIENT, WAIT_WHILE

PROJECT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
"""How long a page may take; a busy machine needs longer than a person would wait."""
RUN_PATIENCE_MS = 180_000
"""How long a run may take from its click to its end: it waits in the queue, and its process starts anew."""


@dataclass(frozen=True)
class Shop:
    """Some countries with a lake, an ERP and a Dagster home of their own."""

    folder: Path
    countries: Sequence[str]
    first_week: date

    @property
    def lake(self) -> str:
        return str(self.folder / "lake")

    @property
    def environment(self) -> dict[str, str]:
        ours = ("MARKDOWN_PRICING_", "DAGSTER_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "MARKDOWN_PRICING_LAKE": self.lake,
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.folder}/erp.sqlite",
            "MARKDOWN_PRICING_COUNTRIES": str(self._countries_file()),
            "MARKDOWN_PRICING_START_WEEK": self.first_week.isoformat(),
            "MARKDOWN_PRICING_MODEL": PATIENT,
            WAIT_WHILE: str(self.folder / "wait"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
        }

    def markdown_pricing(self, *arguments: str, code: int = 0) -> str:
        """What the command line with these arguments says; it must end with this exit code."""
        command = [sys.executable, "-m", "markdown_pricing", *arguments]
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert ended.returncode == code, ended.stderr
        return ended.stdout

    @contextmanager
    def training_that_waits(self) -> Iterator[None]:
        """As long as the `with` block lasts, no demand model is fitted."""
        (self.folder / "wait").touch()
        try:
            yield
        finally:
            (self.folder / "wait").unlink()

    @contextmanager
    def corrupt(self, country: str) -> Iterator[None]:
        """The country's file is cut off; afterwards it is what it was, to the moment it was written."""
        [file] = Path(self.lake).glob(f"markdown_training_data/*/country={country}/part-*.parquet")
        whole, written = file.read_bytes(), file.stat().st_mtime_ns
        file.write_bytes(whole[:500])
        try:
            yield
        finally:
            file.write_bytes(whole)
            os.utime(file, ns=(written, written))

    def refreshes(self, country: str) -> int:
        """How often the country was refreshed in the ERP."""
        with sqlite3.connect(self.folder / "erp.sqlite") as erp:
            [(number,)] = erp.execute("SELECT count(*) FROM markdown_refreshes WHERE country = ?", [country])
        return int(number)

    @contextmanager
    def ui(self) -> Iterator[str]:
        """The URL of a web server with its daemon; both end with the `with` block."""
        port = free_port()
        command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-p", str(port)]
        with (self.folder / "ui.log").open("wb") as log:
            # A process group of its own takes the daemon and the code servers along when it ends.
            server = subprocess.Popen(
                command, cwd=PROJECT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                wait_until("the web server answers", lambda: answers(port), 180, self.log_tail)
                yield f"http://127.0.0.1:{port}"
            finally:
                end_groups([server])

    def log_tail(self) -> str:
        return (self.folder / "ui.log").read_text(errors="replace")[-6000:]

    def _countries_file(self) -> Path:
        header, *rows = (DATA / "countries.csv").read_text().splitlines()
        file = self.folder / "countries.csv"
        file.write_text("\n".join([header, *(row for row in rows if row.split(",")[0] in self.countries)]) + "\n")
        return file


@contextmanager
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


def cell_beside(page: Page, label: str) -> Locator:
    """The cell to the right of a label, in a table of labels and values."""
    return (
        page.get_by_role("row").filter(has=page.get_by_role("cell", name=label, exact=True)).get_by_role("cell").nth(1)
    )


def partition(page: Page, name: str) -> Locator:
    """A country or a week in the lists of the Partitions page."""
    return page.locator(f"[data-tooltip='{name}']")


def light_of(entry: Locator) -> Locator:
    """The coloured dot of an entry in those lists."""
    return entry.locator("xpath=following-sibling::div")
