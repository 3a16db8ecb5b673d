"""A challenger wins the same back-test by a margin or stays one; the next round uses the champion; one command back."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from markdown_pricing.__main__ import cli
from markdown_pricing.countries import read_countries
from markdown_pricing.definitions import build
from markdown_pricing.demand.model import ModelNotAllowed
from markdown_pricing.experiments.champion import (
    CHAMPIONS,
    UNDER_WAY,
    Champion,
    ChampionChanged,
    ChampionsOfAnotherVersion,
    PromotionUnderWay,
    champion_or,
    champions,
    go_back,
    promote,
)
from markdown_pricing.experiments.tracker import MlflowTracker, TrackerAway, UnsafeTracker
from markdown_pricing.experiments.trial import Trial
from markdown_pricing.installation.settings import DATA, Settings
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.part_files import CorruptFile
from markdown_pricing.lake.publish import publish_sealed
from markdown_pricing.orchestration.names import JOB
from markdown_pricing.sample.deliver import deliver as deliver_tables
from markdown_pricing.sample.season import sample_market
from markdown_pricing.weeks import ONE_WEEK, parse_week
from tests.processes import free_port
from tests.quick import STEADY, deliver

WEEK = "2026-02-09"
SHY, TWICE, BROKEN = "tests.experiments.shy:Shy", "tests.experiments.twice:Twice", "tests.experiments.twice:Broken"
NOTHING_PROMOTED = "No model is promoted. gradient_boosting, the default, prices."
SMALL = ["--families", "constant_elasticity", "--articles", "12", "--weeks", "14", "--seeds", "1", "--workers", "1"]


class Place:
    """A lake, and the commands on it; the model that stands is the weak one unless a champion was promoted."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(str(root / "lake"))
        (root / "lake").mkdir()
        self.experiments = f"sqlite:///{root}/experiments.sqlite"
        self.environ = {
            "MARKDOWN_PRICING_LAKE": self.lake.url,
            "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
            "MARKDOWN_PRICING_ALLOWED_MODELS": f"{SHY},{STEADY},{TWICE},{BROKEN}",
        }

    def promote(self, *arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(cli, ["promote", *arguments], env={**self.environ, **environ}, standalone_mode=False)

    def prices_with(self) -> str:
        """The model that the next run of a country trains."""
        job = build(Settings.from_env(self.environ)).resolve_job_def(JOB)
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(
                instance=instance,
                partition_key=f"AUT|{WEEK}",
                asset_selection=[dg.AssetKey("training_data"), dg.AssetKey("demand_model")],
            )
        [event] = result.asset_materializations_for_node("demand_model")
        return str(event.metadata["Model"].value)

    def priced_into(self, file: Path, *arguments: str) -> str:
        """The model that `markdown-pricing price` uses."""
        given = ["price", "--lake", self.lake.url, "--week", WEEK, "--out", str(file), *arguments]
        CliRunner().invoke(cli, given, env=self.environ, standalone_mode=False, catch_exceptions=False)
        [version] = pq.read_table(file, columns=["model_version"])["model_version"].unique().to_pylist()
        return str(version).split()[0]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    deliver(place.lake, parse_week(WEEK), ("AUT",), articles=8, seed=5)
    return place


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Result]:
    """A place where a challenger has beaten a weak champion, with what the command said; to be looked at only."""
    place = Place(tmp_path_factory.mktemp("won"))
    promote(place.lake, champion(SHY), champions(place.lake))
    return place, place.promote(STEADY, "--json", *SMALL, MARKDOWN_PRICING_EXPERIMENTS=place.experiments)


def test_a_worse_challenger_is_refused(place: Place) -> None:
    told = place.promote(SHY, *SMALL, MARKDOWN_PRICING_MODEL=STEADY)

    assert told.return_value == 1
    assert f"{STEADY} stays." in told.stdout
    assert champions(place.lake) == []


def test_a_better_one_is_promoted(won: tuple[Place, Result]) -> None:
    place, told = won

    assert told.return_value == 0
    verdict = json.loads(told.stdout)
    assert (verdict["champion"], verdict["promoted"]) == (SHY, True)
    assert verdict["lead_pct"] > 0.5
    newest = champions(place.lake)[-1]
    assert (newest.model, newest.over, newest.backtest) == (STEADY, SHY, "constant_elasticity DEU 12x14 seeds 1")


@pytest.fixture
def earns_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever challenges earns 2 % more in the simulated seasons."""

    def play(plays: object, models: tuple[str, str], *told: object) -> pd.DataFrame:
        market = {"family": "linear_demand", "country": "AUT", "seed": 0, "seasons": 5}
        return pd.DataFrame([{**market, "policy": model, "revenue": 100.0 + 2 * at} for at, model in enumerate(models)])

    monkeypatch.setattr("markdown_pricing.commands.promote._play", play)


def test_one_that_earns_more_and_forecasts_real_weeks_worse_is_refused_and_told_by_how_much(
    place: Place, earns_more: None
) -> None:
    told = place.promote(TWICE, *SMALL, MARKDOWN_PRICING_MODEL=STEADY)

    assert told.return_value == 1
    assert champions(place.lake) == []
    assert f"{TWICE} earns +2.00 % against {STEADY}" in told.stdout
    said = told.stdout.replace("\n", " ")
    more = re.search(r"forecasts 8 real weeks worse than .*: WAPE one week ahead (\S+) against (\S+), (\S+) more", said)
    assert more is not None
    worse, usual, difference = map(float, more.groups())
    assert difference == pytest.approx(worse - usual, abs=0.002)
    assert difference > 0.5
    assert told.stdout.endswith(f"{STEADY} stays.\n")


def test_one_that_forecasts_real_weeks_better_is_promoted_and_that_is_kept(place: Place, earns_more: None) -> None:
    told = place.promote(STEADY, "--json", *SMALL, MARKDOWN_PRICING_MODEL=TWICE)

    assert told.return_value == 0
    assert json.loads(told.stdout)["real_weeks"]["worse"] == []
    [won] = champions(place.lake)
    assert won.real_weeks == f"{STEADY} forecasts 8 real weeks no worse than {TWICE}, as far as they can tell."


def test_without_real_weeks_the_twin_decides_alone_and_that_is_said(place: Place, earns_more: None) -> None:
    """As on a fresh lake, or for a country that the lake does not hold."""
    told = place.promote(TWICE, *SMALL, "--countries", "DEU", MARKDOWN_PRICING_MODEL=STEADY)

    assert told.return_value == 0
    assert f"No real weeks count: the snapshot of {WEEK} holds none of the countries" in told.stderr
    assert champions(place.lake)[-1].real_weeks == ""


def test_a_young_country_switches_off_no_judgement(place: Place, earns_more: None) -> None:
    """It is left out, and the others judge."""
    old, young = (sample_market(read_countries()[code], parse_week(WEEK), 8, 5).table() for code in ("AUT", "DEU"))
    since = pc.greater_equal(young["week"], pa.scalar(parse_week(WEEK) - 4 * ONE_WEEK))
    deliver_tables(place.lake, parse_week(WEEK), [("AUT", old), ("DEU", young.filter(since))], "season 5")

    for chosen in (["--countries", "DEU,AUT"], []):
        told = place.promote(TWICE, *SMALL, *chosen, MARKDOWN_PRICING_MODEL=STEADY)
        assert told.return_value == 1
        assert "No real weeks of DEU count: There is too little history" in told.stderr
        assert "forecasts 8 real weeks worse than" in told.stdout.replace("\n", " ")


def test_a_challenger_that_fails_on_real_weeks_is_refused_and_told_why(place: Place, earns_more: None) -> None:
    told = place.promote(BROKEN, *SMALL, MARKDOWN_PRICING_MODEL=STEADY)

    assert told.exception is None
    assert told.return_value == 1
    said = told.stdout.replace("\n", " ")
    assert f"{BROKEN} fails on real weeks: " in said
    assert "earns +2.00 %" in said
    assert champions(place.lake) == []


def test_a_champion_that_fails_on_real_weeks_stands_in_nobodys_way(place: Place, earns_more: None) -> None:
    told = place.promote(STEADY, *SMALL, MARKDOWN_PRICING_MODEL=BROKEN)

    assert told.return_value == 0
    assert f"the champion, {BROKEN}, fails on them" in told.stderr


def test_real_weeks_that_cannot_be_read_are_said_before_a_season_is_played(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    [part] = Path(place.lake.url).glob(f"markdown_training_data/{WEEK}/country=AUT/part-*")
    part.write_bytes(b"no Parquet")
    played: list[object] = []
    monkeypatch.setattr("markdown_pricing.commands.promote._play", played.append)

    told = place.promote(STEADY, *SMALL, MARKDOWN_PRICING_MODEL=SHY)

    assert isinstance(told.exception, CorruptFile)
    assert played == []


def test_when_nothing_was_promoted_that_is_said(place: Place) -> None:
    """With the model that prices all the same, and whether a setting names it."""
    assert place.promote("--show").stdout.splitlines() == [NOTHING_PROMOTED]
    told = place.promote("--show", MARKDOWN_PRICING_MODEL="log_linear").stdout
    assert told == "log_linear prices, because MARKDOWN_PRICING_MODEL names it; no promotion changes that.\n"


def test_the_next_round_uses_the_champion_and_one_command_goes_back(place: Place) -> None:
    promote(place.lake, champion(SHY), champions(place.lake))
    promote(place.lake, champion("log_linear"), champions(place.lake))
    assert place.prices_with() == "log_linear"

    assert place.promote("--back").stdout.splitlines()[1] == f"{SHY} prices from the next run on."
    assert place.promote("--back").stdout.splitlines()[1] == NOTHING_PROMOTED
    assert place.prices_with() == "gradient_boosting"


def test_both_stand_side_by_side_in_mlflow(won: tuple[Place, Result]) -> None:
    """One experiment for the back-test, a run for each model and country: parameters, metrics, rules."""
    # Here, because each process of the tests would otherwise spend a second on it while it collects them.
    from mlflow import MlflowClient

    place, _ = won

    client = MlflowClient(place.experiments, place.experiments)
    [experiment] = [one for one in client.search_experiments() if one.name != "Default"]
    runs = {run.data.params["model"]: run for run in client.search_runs([experiment.experiment_id])}

    assert experiment.name == "constant_elasticity DEU 12x14 seeds 1"
    assert runs.keys() == {SHY, STEADY}
    assert runs[SHY].data.metrics["revenue"] < runs[STEADY].data.metrics["revenue"]
    assert runs[SHY].data.params["country"] == "DEU"
    kept = Path(client.download_artifacts(runs[SHY].info.run_id, "rules.toml"))
    assert kept.read_text() == (DATA / "rules.toml").read_text()


def test_a_tracking_server_that_is_away_is_said_once_and_stops_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = Trial("a back-test", "log_linear", "DEU", {}, {"revenue": 1.0}, "")

    with pytest.raises(TrackerAway, match="MLflow did not take them"):
        MlflowTracker(f"http://127.0.0.1:{free_port()}").keep([trial] * 3)


@pytest.mark.parametrize(
    ("uri", "variable"),
    [("http://robot:s3cret@mlflow.example.com", "UNUSED"), ("http://mlflow.example.com", "MLFLOW_TRACKING_PASSWORD")],
)
def test_a_password_is_not_sent_in_clear(monkeypatch: pytest.MonkeyPatch, uri: str, variable: str) -> None:
    """Whether it stands in the address or in a variable of MLflow's own."""
    monkeypatch.setenv(variable, "s3cret")

    with pytest.raises(UnsafeTracker, match=r"to mlflow\.example\.com: give an https") as caught:
        MlflowTracker(uri)

    assert "s3cret" not in str(caught.value)
    MlflowTracker(uri.replace("mlflow.example.com", "localhost"))
    MlflowTracker(uri.replace("http:", "https:"))


def test_of_two_promotions_at_once_one_wins(place: Place) -> None:
    """Both have beaten the model that stood when they began; the second has not beaten the first."""
    seen = champions(place.lake)
    promote(place.lake, champion("log_linear"), seen)

    with pytest.raises(ChampionChanged, match=r"log_linear\. Compare it with that"):
        promote(place.lake, champion(STEADY), seen)

    assert [one.model for one in champions(place.lake)] == ["log_linear"]


def test_no_two_write_a_promotion_at_the_same_moment(place: Place) -> None:
    with place.lake.alone(UNDER_WAY):
        for write in (lambda: promote(place.lake, champion(STEADY), []), lambda: go_back(place.lake)):
            with pytest.raises(PromotionUnderWay, match=r"remove .*champions\.lock"):
                write()

    promote(place.lake, champion(STEADY), [])
    assert [one.model for one in champions(place.lake)] == [STEADY]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: {**one, "arms": "none", "real_weeks": ""}, "it has arms"),
        (lambda one: {name: one[name] for name in one if name not in ("code", "rules")}, "it lacks code, rules"),
        (lambda one: [one], "it holds no list of promotions"),
    ],
    ids=["more", "less", "another form"],
)
def test_promotions_of_another_version_are_refused_with_a_sentence(
    place: Place, change: Callable[[dict[str, object]], object], why: str
) -> None:
    """As after a roll-back of the code; a model that a setting names is priced with all the same."""
    promote(place.lake, champion(STEADY), [])
    [kept] = champions(place.lake)
    publish_sealed(place.lake, CHAMPIONS, json.dumps([change(asdict(kept))]).encode())

    with pytest.raises(ChampionsOfAnotherVersion, match=why):
        champions(place.lake)
    assert champion_or(place.lake, "log_linear", follow=False) == "log_linear"


def test_going_back_further_than_there_is_says_so(place: Place) -> None:
    assert "No champion was ever promoted" in str(place.promote("--back").exception)


def test_the_champion_cannot_challenge_itself(place: Place) -> None:
    assert "Name a challenger" in str(place.promote("gradient_boosting").exception)


def test_a_model_that_is_set_is_used_whoever_is_champion(place: Place) -> None:
    promote(place.lake, champion("log_linear"), champions(place.lake))

    assert Settings.from_env({**place.environ, "MARKDOWN_PRICING_MODEL": "gradient_boosting"}).follow_champion is False
    assert Settings.from_env(place.environ).follow_champion is True


def test_a_snapshot_is_priced_with_the_champion_unless_another_model_is_named(place: Place, tmp_path: Path) -> None:
    promote(place.lake, champion("log_linear"), champions(place.lake))

    assert place.priced_into(tmp_path / "rows.parquet") == "log_linear"
    assert place.priced_into(tmp_path / "rows.parquet", "--model", "plain_boosting") == "plain_boosting"


def champion(model: str) -> Champion:
    return Champion(model, "gradient_boosting", 1.0, "by hand", "", "", "2026-01-01T00:00:00+00:00")


def test_a_model_that_no_operator_has_allowed_is_neither_promoted_nor_loaded(place: Place) -> None:
    refused = place.promote("os:abort", *SMALL)
    assert isinstance(refused.exception, ModelNotAllowed)

    promote(
        place.lake,
        Champion("os:abort", "log_linear", 9.9, "by hand", "rules", "code", "2026-02-09"),
        champions(place.lake),
    )
    with pytest.raises(ModelNotAllowed, match="No operator has allowed the demand model 'os:abort'"):
        place.priced_into(Path(place.lake.url) / "prices.parquet")
