"""Under Dagster's own daemon: runs in processes of their own write their lines, and the sensor sends the digest."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from markdown_pricing import DATA
from markdown_pricing.countries import read_countries
from markdown_pricing.lake import Lake
from markdown_pricing.sample.season import sample_market
from markdown_pricing.weeks import ONE_WEEK, this_week
from tests.lake import spark
from tests.processes import end_groups, wait_until
from tests.receivers import Chat, chat_server

PROJECT = Path(__file__).parents[2]
WEEK = this_week(datetime.now(UTC)) - ONE_WEEK
"""Due on whatever day this runs."""
PASSWORD = "s3cret-of-the-chat"


class Daemon:
    """A lake with Austria and with a file of Germany that can't be read, and a daemon that looks each second."""

    def __init__(self, folder: Path, chat: Chat) -> None:
        self.log = folder / "stdout"
        countries = (DATA / "countries.csv").read_text().splitlines()
        chosen = [countries[0], *(line for line in countries if line.startswith(("AUT", "DEU")))]
        (folder / "countries.csv").write_text("\n".join(chosen) + "\n")
        sold = sample_market(read_countries()["AUT"], WEEK, 8, 0).table()
        spark.deliver(Lake(str(folder / "lake")), {"AUT": [sold], "DEU": [b"not Parquet"]}, WEEK)
        dagster = yaml.safe_load((DATA / "dagster.yaml").read_text())
        dagster["run_coordinator"]["config"]["dequeue_interval_seconds"] = 1
        (folder / "dagster.yaml").write_text(yaml.safe_dump(dagster))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MARKDOWN_", "DAGSTER_"))},
            "DAGSTER_HOME": str(folder),
            "PYTHONPATH": str(PROJECT),
            "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
            "MARKDOWN_PRICING_COUNTRIES": str(folder / "countries.csv"),
            "MARKDOWN_PRICING_START_WEEK": str(WEEK),
            "MARKDOWN_PRICING_MODEL": "log_linear",
            "MARKDOWN_PRICING_ALERTS": chat.url,
        }
        command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "tests.system.fast_location"]
        with self.log.open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=stdout, stderr=stderr, start_new_session=True
            )

    def lines(self) -> list[dict[str, Any]]:
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


@pytest.fixture
def chat() -> Iterator[Chat]:
    with chat_server(f"robot:{PASSWORD}") as chat:
        yield chat


@pytest.fixture
def daemon(tmp_path: Path, chat: Chat) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, chat)
    yield daemon
    end_groups([daemon.process])


def test_a_round_under_the_daemon_is_in_the_log_and_its_digest_in_the_chat(daemon: Daemon, chat: Chat) -> None:
    def digest() -> list[dict[str, Any]]:
        return [told for told in chat.taken if "1 of 2 countries done" in told["title"]]

    [told] = wait_until("the digest has come", digest, 300, lambda: [line["message"] for line in daemon.lines()[-5:]])

    assert "Done: AUT." in told["message"]
    assert "is not a readable Parquet file" in told["message"]
    steps = [line for line in daemon.lines() if line["event"]["dataset"] == "markdown_pricing.step"]
    outcomes = {
        (line["markdown"].get("country"), line["event"]["action"]): line["event"].get("outcome") for line in steps
    }
    assert outcomes["AUT", "erp_refresh"] == "success"
    assert outcomes["DEU", "training_data"] == "failure"
    alerts = [
        line["event"]["action"] for line in daemon.lines() if line["event"]["dataset"] == "markdown_pricing.alert"
    ]
    assert sorted(set(alerts) - {"round_late", "round_failing"}) == ["country_failed", "round_ended"]
    assert PASSWORD not in daemon.log.read_text()
