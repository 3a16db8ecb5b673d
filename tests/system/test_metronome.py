"""The weekly round as Metronome jobs on PostgreSQL, and the published way without a Dagster server."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest
from sqlalchemy import select

from markdown_pricing.erp.tables import engine_for, refreshes
from markdown_pricing.metronome import MetronomeResource
from tests.doubles import demo
from tests.doubles.dcos import Dcos
from tests.postgres.server import PostgresServer

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


def test_a_round_is_a_job_for_each_run(tmp_path: Path, postgres: PostgresServer, dcos: Dcos) -> None:
    environment = demo.settle(tmp_path, postgres, dcos, COUNTRIES)
    demo.deliver(tmp_path, COUNTRIES, articles=8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with patch.dict(os.environ, environment), demo.serving(tmp_path, port), dg.DagsterInstance.get() as instance:
        assert demo.follow(instance, len(COUNTRIES)) == ["SUCCESS"] * len(COUNTRIES)
        runs = instance.get_runs()
        told = "\n".join(str(entry) for run in runs for entry in instance.all_logs(run.run_id))

    assert refreshed(environment) == sorted(COUNTRIES)
    assert sorted(body["id"] for body in dcos.bodies) == sorted(f"{demo.PREFIX}.{run.run_id}" for run in runs)
    assert set(dcos.most_alive.values()) == {1}
    told += str(dcos.bodies) + "".join(log.read_text() for log in tmp_path.glob("*.log"))
    for secret in (demo.ACCOUNT_PASSWORD, *dcos.secrets.values()):
        assert secret not in told


def test_the_published_way_prices_its_group_without_a_server(
    tmp_path: Path, postgres: PostgresServer, dcos: Dcos
) -> None:
    environment = demo.settle(tmp_path, postgres, dcos, COUNTRIES)
    demo.deliver(tmp_path, COUNTRIES, articles=8)
    command = ["metronome-jobs", "--groups", "1", "--image", "pricing:1", "--out", str(tmp_path / "jobs")]
    inherited = {**os.environ, **environment, "DAGSTER_HOME": str(tmp_path / "thrown-away")}
    subprocess.run([sys.executable, "-m", "markdown_pricing", *command], env=inherited, check=True)
    [file] = (tmp_path / "jobs").iterdir()
    body = json.loads(file.read_text())
    # The image has a home and the installation's own files; this machine has those of the test.
    body["run"]["env"] |= {
        "DAGSTER_HOME": str(tmp_path / "thrown-away"),
        "MARKDOWN_PRICING_COUNTRIES": environment["MARKDOWN_PRICING_COUNTRIES"],
    }
    with patch.dict(os.environ, environment):
        cluster = MetronomeResource(
            url=dcos.url, ca_file=str(dcos.ca_file), uid="pricing-robot", password_env="METRONOME_PASSWORD"
        )
        cluster.metronome.create_job(body)
        cluster.metronome.start_run(body["id"])
        dcos.wait_for(lambda: not dcos.jobs[body["id"]].runs, timeout_s=300)
        history = cluster.metronome.job(body["id"])["history"]

    assert (history["successCount"], history["failureCount"]) == (1, 0), output(dcos)
    assert refreshed(environment) == sorted(COUNTRIES)


def output(dcos: Dcos) -> str:
    return "\n".join(file.read_text() for file in dcos.folder.glob("*/std*"))
