"""What runs beside the rounds: the look on Sunday evening, and the tidy lake."""

import gc
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from time import time
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.definitions import build
from markdown_pricing.experiments.champion import Champion, promote
from markdown_pricing.installation.preflight import Preflight
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import Lake, paths
from markdown_pricing.lake.space import LittleRoom, check_room
from markdown_pricing.orchestration.housekeeping import preflight_on_sunday
from markdown_pricing.orchestration.names import JOB, READY, WEEK_TAG
from markdown_pricing.provenance import Provenance
from tests.lake.spark import put
from tests.markdown.seasons import article
from tests.priced import keep_priced
from tests.quick import STEADY, deliver

LAST_WEEK, WEEK = date(2026, 2, 9), date(2026, 2, 16)
OLDER, OLDEST = date(2023, 11, 20), date(2023, 11, 13)
THREE_YEARS_AGO = time() - 3 * 365 * 86_400


class Installation:
    """One country, whose lake and ERP are in this folder."""

    def __init__(self, root: Path) -> None:
        self.lake, self.instance = Lake(str(root / "lake")), dg.DagsterInstance.ephemeral()
        countries = root / "countries.csv"
        header, *lines = (Path(__file__).parents[2] / "markdown_pricing/data/countries.csv").read_text().splitlines()
        countries.write_text("\n".join([header, *(line for line in lines if line.startswith("EST"))]))
        self.settings = Settings.from_env(
            {
                "MARKDOWN_PRICING_LAKE": self.lake.url,
                "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
                "MARKDOWN_PRICING_COUNTRIES": str(countries),
                "MARKDOWN_PRICING_MODEL": STEADY,
            }
        )
        self.defs = build(self.settings)

    def run(self, job: str, **given: Any) -> dg.ExecuteInProcessResult:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return self.defs.resolve_job_def(job).execute_in_process(instance=self.instance, run_config=quiet, **given)

    def keep_model(self, week: date, made_by: str) -> Path:
        """A model of EST, kept three years ago."""
        results = Results(self.lake, week, "EST")
        results.model.keep(
            Mock(to_bytes=lambda: b"coefficients"), Provenance(week, "EST", "0", "", "", demand_model=made_by)
        )
        return self.aged(paths.model_file(week, "EST"))

    def aged(self, path: str) -> Path:
        """The file, as if it had been written three years ago."""
        file = Path(self.lake.root) / path
        os.utime(file, (THREE_YEARS_AGO, THREE_YEARS_AGO))
        return file

    def look(self) -> dg.AssetCheckEvaluation:
        [evaluation] = self.run("preflight", tags={WEEK_TAG: str(WEEK)}).get_asset_check_evaluations()
        return evaluation


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Last week's data, delivered and priced once."""
    root = tmp_path_factory.mktemp("priced")
    installation = Installation(root)
    deliver(installation.lake, LAST_WEEK, ("EST",), articles=6, seed=1)
    assert installation.run(JOB, partition_key=f"EST|{LAST_WEEK}").success
    return root


@pytest.fixture
def installation(tmp_path: Path, priced: Path) -> Installation:
    shutil.copytree(priced, tmp_path, dirs_exist_ok=True)
    return Installation(tmp_path)


def test_on_sunday_evening_the_coming_week_is_looked_at() -> None:
    """18:00 at head office; the run says for which week."""
    sunday = datetime(2026, 2, 15, 17, 0, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=sunday)

    request = preflight_on_sunday(context)

    assert (preflight_on_sunday.cron_schedule, preflight_on_sunday.execution_timezone) == (
        "0 18 * * 0",
        "Europe/Berlin",
    )
    assert isinstance(request, dg.RunRequest)
    assert request.tags[WEEK_TAG] == str(WEEK)


def test_when_all_is_there_the_check_passes(installation: Installation) -> None:
    """It stands beside the snapshot, and nothing is left of the file that was written to try."""
    evaluation = installation.look()

    assert (evaluation.check_name, evaluation.passed) == (READY, True), evaluation.description
    assert evaluation.metadata["To do"].value == 0
    assert "| Last week's models | ok |" in str(evaluation.metadata["Findings"].value)
    assert not [entry for entry in installation.lake.entries("markdown_pricing") if not entry.is_folder]


def test_an_article_that_is_cheap_elsewhere_is_told_and_is_nothing_to_do(installation: Installation) -> None:
    """A buyer judges that, with what each country's menu says."""
    cheap = article({-6: 49.99, -5: 19.99, -1: 19.99, 0: 19.99}, stock=10)
    keep_priced(installation.lake, LAST_WEEK, {"DEU": [article(stock=10)], "AUT": [cheap]})

    evaluation = installation.look()

    assert evaluation.passed, evaluation.description
    told = str(evaluation.metadata["Findings"].value)
    assert "| The same article in several countries | ok | The advice for 1 of 1 article differs widely" in told


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        (paths.snapshot_folder(LAST_WEEK), "Snapshot"),
        (paths.MODELS, "Last week's models"),
        (paths.PREDICTIONS, "Last week's predictions"),
    ],
)
def test_what_lacks_is_a_warning_that_says_what_to_do(installation: Installation, gone: str, what: str) -> None:
    """The run itself succeeds: it has found something, it has not failed."""
    shutil.rmtree(f"{installation.lake.root}/{gone}")

    evaluation = installation.look()

    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.description is not None
    assert f"{what}: " in evaluation.description
    assert evaluation.metadata["To do"].value == 1


def test_a_model_that_cannot_be_loaded_is_found(installation: Installation) -> None:
    """This version can't load it on this machine, so that a step down to it would fail on Monday."""
    put(installation.lake, paths.model_file(LAST_WEEK, "EST"), b"no model")

    assert "Last week's models: 2026-02-09: none that can be used for EST" in str(installation.look().description)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_lake_that_may_not_be_written_to_is_found(installation: Installation, tmp_path: Path) -> None:
    """The right is tried, not read."""
    for folder in [tmp_path, *tmp_path.parents[:3]]:
        folder.chmod(0o755)
    gc.collect()  # what other tests left is cleaned up by its owner
    os.seteuid(65534)
    try:
        found = {finding.what: finding for finding in Preflight(installation.settings).findings(WEEK)}
    finally:
        os.seteuid(0)

    assert not found["Writing to the lake"].ok
    assert "refuses" in found["Writing to the lake"].says
    assert found["Last week's models"].ok


def test_little_room_in_the_lake_is_found(hdfs: str, tell_hdfs: Callable[[str], None]) -> None:
    """A quota that leaves less than three times what last week's results took."""
    lake = Lake(f"{hdfs}/{uuid4()}")
    put(lake, paths.model_file(LAST_WEEK, "EST"), b"x" * 500_000)
    assert check_room(lake, LAST_WEEK).startswith("no quota")
    tell_hdfs(f"dfsadmin -setSpaceQuota 1m {lake.root}")

    with pytest.raises(LittleRoom, match=r"has room for 0\.5 MiB, but 3 times .* are 1\.4 MiB\. Make room"):
        check_room(lake, LAST_WEEK)

    tell_hdfs(f"dfsadmin -setSpaceQuota 100m {lake.root}")
    assert " MiB free for 1.4 MiB" in check_room(lake, LAST_WEEK)


def test_each_night_the_lake_is_tidied(installation: Installation) -> None:
    """What a killed writer left goes when it is a day old."""
    unfinished = paths.unfinished("model.bin", "0123456789abcdef")
    put(installation.lake, f"{paths.MODELS}/{LAST_WEEK}/{unfinished}")
    left = Path(installation.lake.root) / paths.MODELS / str(LAST_WEEK) / unfinished
    assert installation.run("tidy_lake").success
    assert left.exists()
    two_days_ago = left.stat().st_mtime - 2 * 86_400
    os.utime(left, (two_days_ago, two_days_ago))

    assert installation.run("tidy_lake").success

    assert not left.exists()


def test_each_night_what_is_older_than_two_years_goes(installation: Installation) -> None:
    """Models and training data; predictions, and whatever is the newest that is kept, stay."""
    model = installation.keep_model(OLDEST, "log_linear")
    newest = installation.aged(paths.model_file(LAST_WEEK, "EST"))
    predictions = installation.aged(paths.predictions_file(LAST_WEEK, "EST"))

    assert installation.run("tidy_lake").success

    assert (model.exists(), model.parent.parent.exists()) == (False, False)
    assert newest.exists()
    assert predictions.exists()


def test_the_champions_newest_model_stays_when_another_has_priced_since(installation: Installation) -> None:
    """As when MARKDOWN_PRICING_MODEL names another: who goes back to the champion finds a model to step down to."""
    promote(installation.lake, Champion("log_linear", "", 1.0, "", "", "", ""), seen=[])
    before, newest = installation.keep_model(OLDEST, "log_linear"), installation.keep_model(OLDER, "log_linear")

    assert installation.run("tidy_lake").success

    assert (before.exists(), newest.exists()) == (False, True)


@pytest.mark.parametrize(
    ("tags", "status", "stays"),
    [
        ({WEEK_TAG: str(OLDEST)}, DagsterRunStatus.STARTING, True),
        ({"dagster/partition": f"EST|{OLDEST}", "dagster/partition/week": str(OLDEST)}, DagsterRunStatus.STARTED, True),
        ({"dagster/partition": str(OLDEST)}, DagsterRunStatus.STARTED, True),
        ({WEEK_TAG: str(OLDEST), "dagster/will_retry": "true"}, DagsterRunStatus.FAILURE, True),
        ({}, DagsterRunStatus.STARTED, True),
        ({WEEK_TAG: str(LAST_WEEK)}, DagsterRunStatus.STARTED, False),
        ({WEEK_TAG: str(OLDEST)}, DagsterRunStatus.SUCCESS, False),
    ],
    ids=[
        "by the sensor",
        "from the page",
        "for all countries",
        "awaits its retry",
        "of no week",
        "of another week",
        "over",
    ],
)
def test_nothing_of_a_week_goes_while_a_run_may_read_it(
    installation: Installation, tags: dict[str, str], status: DagsterRunStatus, stays: bool
) -> None:
    model = installation.keep_model(OLDEST, "log_linear")
    create_run_for_test(installation.instance, JOB, status=status, tags=tags)

    assert installation.run("tidy_lake").success

    assert model.exists() == stays
