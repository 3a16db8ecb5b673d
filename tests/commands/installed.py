"""An installation on which the commands are called: a lake with a delivered week, an ERP and a Dagster home."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markdown_pricing.kept.shared_demand import keep_shared_demand
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.learnt_together import learn_shared
from markdown_pricing.provenance import provenance
from markdown_pricing.training_data.schema import columns_to_read
from markdown_pricing.weeks import parse_week
from tests.command import command
from tests.quick import STEADY

WEEK, WEEK_BEFORE = "2026-02-09", "2026-02-02"
COUNTRIES = ("DEU", "AUT", "HUN", "POL", "MLT")


@dataclass(frozen=True)
class Installation:
    """A lake with a delivered week, an ERP and a Dagster home of their own."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    def parts(self, country: str, week: str = WEEK) -> Path:
        return self.lake / "markdown_training_data" / week / f"country={country}"

    def environment(self, **environ: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "MARKDOWN_PRICING_LAKE": str(self.lake),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.root}/erp.sqlite",
            "MARKDOWN_PRICING_START_WEEK": "2026-01-05",
            "MARKDOWN_PRICING_MODEL": STEADY,
            "DAGSTER_HOME": str(self.root / "dagster"),
            **environ,
        }

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, environ=self.environment(**environ))

    def run_in_a_process(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "markdown_pricing", *arguments]
        return subprocess.run(program, env=self.environment(**environ), capture_output=True, text=True)

    def prices(self) -> dict[tuple[str, str], str]:
        query = "SELECT country, article_id, week || ' ' || recommended_price FROM markdown_recommendations"
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return {(country, article): price for country, article, price in erp.execute(query)}

    def runs(self) -> Counter[str]:
        """How many runs there are in each status."""
        with sqlite3.connect(self.root / "dagster/history/runs.db") as dagster:
            return Counter(status for (status,) in dagster.execute("SELECT status FROM runs"))

    def receipts(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return list(erp.execute("SELECT country, run_id FROM markdown_refreshes ORDER BY 1, 2"))


def share_demand(lake: Lake) -> None:
    """Learnt already, from one country: a round learns what the countries share only from another delivery."""
    week = parse_week(WEEK)
    snapshot = find_snapshot(lake, week)
    learnt = learn_shared(week, ["MLT"], lambda code: read_country(lake, snapshot, code, columns_to_read))
    keep_shared_demand(lake, week, learnt.shared, provenance(week, "", snapshot.stamp))


def truncate(parts: Path) -> None:
    file = next(parts.glob("part-*.parquet"))
    file.write_bytes(file.read_bytes()[:500])
