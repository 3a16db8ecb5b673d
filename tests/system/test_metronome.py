"""The weekly round as Metronome jobs on PostgreSQL, and the published way without a Dagster server."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
from sqlalchemy import select

from markdown_pricing.erp.tables import engine_for, refreshes
from markdown_pricing.metronome import MetronomeResource
from markdown_pricing.orchestration.names import COUNTRY_TAG
from tests.doubles import demo
from tests.doubles.dcos import Dcos, Fault
from tests.postgres.server import PostgresServer
from tests.processes import free_port, wait_until

COUNTRIES = ("HUN", "MLT")


@pytest.fixture
def dcos(tmp_path: Path) -> Iterator[Dcos]:
    with Dcos(tmp_path / "dcos", slots=2) as dcos:
        yield dcos


def refreshed(environment: dict[str, str]) -> list[str]:
    """Countries in the ERP's receipts, one for each refresh."""
    erp = engine_for(environment["MARKDOWN_PRICING_ERP"], environment["DB_USER"], environment["DB_PASSWORD"])
    with erp.connect() as connection:
        return sorted(connection.execute(select(refreshes.c.country)).scalars())


def test_a_round_is_a_job_for_each_run_though_answers_are_lost(
    tmp_path: Path, postgres: PostgresServer, dcos: Dcos
) -> None:
    dcos.fail(Fault("POST /v1/jobs", done=True, times=2), Fault("POST /v1/jobs/*/runs", 504, done=True, times=2))
    environment = demo.settle(tmp_path, postgres, dcos, COUNTRIES)
    demo.deliver(tmp_path, COUNTRIES, articles=8)
    serving = demo.serving(tmp_path, free_port())
    with patch.dict(os.environ, environment), serving, dg.DagsterInstance.get() as instance:
        assert demo.follow(instance, len(COUNTRIES)) == ["SUCCESS"] * len(COUNTRIES)
        runs = instance.get_runs()
        told = "\n".join(str(entry) for run in runs for entry in instance.all_logs(run.run_id))

    assert refreshed(environment) == sorted(COUNTRIES)
    assert {body["id"] for body in dcos.bodies} == {f"{demo.PREFIX}.{run.run_id}" for run in runs}
    assert set(dcos.most_alive.values()) == {1}
    told += str(dcos.bodies) + "".join(log.read_text() for log in tmp_path.glob("*.log"))
    for secret in (demo.ACCOUNT_PASSWORD, *dcos.secrets.values()):
        assert secret not in told


@dataclass(frozen=True)
class PublishedWay:
    """The job of all countries, whose Dagster lies in `home` as it would in its container."""

    environment: dict[str, str]
    home: Path
    cluster: MetronomeResource
    body: dict[str, Any]

    def start(self, *more: str) -> str:
        body = {**self.body, "run": {**self.body["run"], "args": [*self.body["run"]["args"], *more]}}
        self.cluster.metronome.create_job(body)
        return str(self.cluster.metronome.start_run(body["id"])["id"])

    def states(self) -> list[str]:
        """Of the countries' runs; read past Dagster, whose opening of the file would be in the container's way."""
        query = "SELECT status FROM runs JOIN run_tags USING (run_id) WHERE key = ?"
        try:
            with closing(sqlite3.connect(f"file:{self.home}/history/runs.db?mode=ro", uri=True)) as runs:
                return [status for (status,) in runs.execute(query, [COUNTRY_TAG])]
        except sqlite3.OperationalError:  # not there, or not whole yet
            return []


@pytest.fixture
def published_way(
    tmp_path: Path, postgres: PostgresServer, dcos: Dcos, monkeypatch: pytest.MonkeyPatch
) -> PublishedWay:
    environment = demo.settle(tmp_path, postgres, dcos, COUNTRIES)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = ["metronome-jobs", "--groups", "1", "--image", "pricing:1", "--out", str(tmp_path / "jobs")]
    subprocess.run([sys.executable, "-m", "markdown_pricing", *command], check=True)
    [file] = (tmp_path / "jobs").iterdir()
    body = json.loads(file.read_text())
    # The image has a home and the installation's own files; this machine has those of the test.
    body["run"]["env"] |= {
        "DAGSTER_HOME": str(tmp_path / "thrown-away"),
        "MARKDOWN_PRICING_COUNTRIES": environment["MARKDOWN_PRICING_COUNTRIES"],
    }
    account = {"uid": "pricing-robot", "password_env": "METRONOME_PASSWORD"}
    cluster = MetronomeResource.model_validate({"url": dcos.url, "ca_file": str(dcos.ca_file), **account})
    return PublishedWay(environment, tmp_path / "thrown-away", cluster, body)


def test_the_published_way_prices_its_group_without_a_server(
    tmp_path: Path, dcos: Dcos, published_way: PublishedWay
) -> None:
    demo.deliver(tmp_path, COUNTRIES, articles=8)
    published_way.start()
    id = published_way.body["id"]
    dcos.wait_for(lambda: not dcos.jobs[id].runs, timeout_s=300)
    history = published_way.cluster.metronome.job(id)["history"]

    assert (history["successCount"], history["failureCount"]) == (1, 0), output(dcos)
    assert refreshed(published_way.environment) == sorted(COUNTRIES)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_of_the_published_way_ends_its_runs_and_says_so(
    tmp_path: Path, dcos: Dcos, published_way: PublishedWay, workers: str
) -> None:
    dcos.kill_grace_s = 60
    demo.deliver(tmp_path, COUNTRIES, articles=60)
    run_id = published_way.start("--workers", workers)
    wait_until("a country has begun", lambda: "STARTED" in published_way.states(), 120, lambda: output(dcos))
    published_way.cluster.metronome.stop_run(published_way.body["id"], run_id)
    wait_until("the process has ended", lambda: not dcos.alive(published_way.body["id"]), 50, lambda: output(dcos))

    # None is left as if it still ran; the next may have been created, and not begun.
    assert set(published_way.states()) <= {"SUCCESS", "FAILURE", "CANCELED", "NOT_STARTED"}
    assert {"FAILURE", "CANCELED"} & set(published_way.states())


def output(dcos: Dcos) -> str:
    return "\n".join(file.read_text() for file in dcos.folder.glob("*/std*"))
