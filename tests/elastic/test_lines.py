"""A round's log lines: every step of every country is there, each a valid line of the Elastic Common Schema."""

import json
import logging
from collections import Counter
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.orchestration.event_lines import EventLines
from markdown_pricing.orchestration.figures import LOGGED
from markdown_pricing.process import logs
from tests.elastic.rounds import COUNTRIES, SECRET, Line, Round

STEPS = [
    "decisions",
    "decisions_the_erp_shows_decisions",
    "training_data",
    "training_data_nothing_left_out",
    "demand_model",
    "models_can_be_trusted",
    "markdown_predictions",
    "predictions_are_acceptable",
    "erp_refresh",
]
ECS_FIELDS: dict[str, type] = {
    "@timestamp": str,
    "ecs.version": str,
    "error.message": str,
    "error.type": str,
    "event.action": str,
    "event.dataset": str,
    "event.duration": int,
    "event.kind": str,
    "event.outcome": str,
    "log.level": str,
    "log.logger": str,
    "message": str,
    "process.pid": int,
    "service.environment": str,
    "service.name": str,
    "service.version": str,
}
"""Of https://www.elastic.co/docs/reference/ecs/ecs-field-reference: those that we write, and their JSON type."""
ALLOWED = {"event.kind": {"event"}, "event.outcome": {"success", "failure", "unknown"}}


def flat(line: Line, before: str = "") -> dict[str, object]:
    """A line's fields by their dotted names."""
    found: dict[str, object] = {}
    for name, value in line.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return found


@pytest.mark.parametrize("country", COUNTRIES)
def test_each_step_of_each_country_has_one_line(good: Round, country: str) -> None:
    told = [line["event"]["action"] for line in good.of("markdown_pricing.step", country)]

    assert sorted(told) == sorted(STEPS)


def test_what_the_countries_share_has_its_line_too(good: Round) -> None:
    actions = Counter(line["event"]["action"] for line in good.of("markdown_pricing.step"))

    assert actions == {step: len(COUNTRIES) for step in STEPS} | {"learn_shared_demand": 1}


def test_a_steps_line_has_everything_there_is_to_say_of_it(good: Round) -> None:
    told = {line["event"]["action"]: line for line in good.of("markdown_pricing.step", "DEU")}
    runs = {line["markdown"]["run_id"] for line in told.values()}

    assert len(runs) == 1
    assert {line["markdown"]["week"] for line in told.values()} == {good.week.isoformat()}
    assert all(line["markdown"]["seconds"] >= 0 for line in told.values())
    assert told["training_data"]["markdown"]["articles"] == 20
    assert 0 < told["demand_model"]["markdown"]["error"] < 2
    assert told["demand_model"]["markdown"]["model_grade"] == "A"
    assert told["markdown_predictions"]["markdown"]["stake_eur"] >= 0
    assert told["erp_refresh"]["markdown"]["articles_before"] == 20


def test_every_line_is_of_the_common_schema(rounds: list[Round]) -> None:
    for line in (line for one in rounds for line in one.lines):
        fields = {name: value for name, value in flat(line).items() if not name.startswith("markdown.")}
        assert list(line)[:3] == ["@timestamp", "log.level", "message"]
        assert fields.keys() <= ECS_FIELDS.keys()
        assert {name for name, value in fields.items() if type(value) is not ECS_FIELDS[name]} == set()
        assert all(fields[name] in allowed for name, allowed in ALLOWED.items() if name in fields)
        assert datetime.fromisoformat(line["@timestamp"]).tzinfo is not None


def test_a_fields_kind_never_changes(rounds: list[Round]) -> None:
    numbers = {figure.field for figure in LOGGED if figure.is_number}
    texts = {figure.field for figure in LOGGED if not figure.is_number}
    for line in (line for one in rounds for line in one.lines):
        told = {name: value for name, value in flat(line).items() if name in numbers | texts}
        assert {name for name, value in told.items() if isinstance(value, str)} <= texts
        assert {name for name, value in told.items() if isinstance(value, int | float)} <= numbers


def test_dagsters_own_events_are_in_the_same_stream(good: Round) -> None:
    told = Counter(line["event"]["action"] for line in good.of("dagster.event"))

    assert told["run_start"] == told["run_success"] == len(COUNTRIES) + 1
    assert told["step_start"] == len(good.of("markdown_pricing.step"))


def test_nothing_stands_between_them(good: Round) -> None:
    """The table goes to standard error then."""
    assert (good.rest, good.code) == ([], 0)


def test_a_fault_stands_in_its_steps_line_without_frames(bad: Round) -> None:
    [missing] = [line for line in bad.of("markdown_pricing.step", "POL") if line["event"].get("outcome") == "failure"]

    assert missing["event"]["action"] == "training_data"
    assert missing["log.level"] == "error"
    assert missing["error"]["type"] == "MissingCountry"
    assert "POL has no part files" in missing["error"]["message"]
    assert "stack_trace" not in missing["error"]


def test_a_good_round_has_no_line_above_info(good: Round) -> None:
    assert [line["message"] for line in good.lines if line["log.level"] not in ("debug", "info")] == []
    assert {line["log.level"] for line in good.of("markdown_pricing.step")} == {"info"}
    assert {line["log.level"] for line in good.of("dagster.event") if line["event"]["action"] == "run_success"} == {
        "info"
    }


def test_in_a_bad_round_an_error_is_what_is_lost_and_a_warning_what_is_not(bad: Round) -> None:
    """Germany is priced, with warnings of its checks."""
    levels = {
        country: {line["log.level"] for line in bad.lines if line.get("markdown", {}).get("country") == country}
        for country in COUNTRIES
    }

    assert "error" in levels["AUT"] & levels["POL"]
    assert levels["DEU"] == {"debug", "info", "warning"}
    errors = [line for line in bad.lines if line["log.level"] == "error"]
    assert [line["message"] for line in errors if line["event"].get("outcome") == "success"] == []


def test_a_country_that_is_lost_is_said_once(bad: Round) -> None:
    failed = [line for line in bad.of("markdown_pricing.alert") if line["event"]["action"] == "country_failed"]

    assert sorted(line["markdown"]["country"] for line in failed) == ["AUT", "POL"]
    assert bad.code == 1


def test_no_line_holds_a_secret(rounds: list[Round]) -> None:
    assert SECRET not in json.dumps([one.lines + one.rest for one in rounds])


def test_a_secret_in_somebody_elses_words_gets_stars(capsys: pytest.CaptureFixture[str]) -> None:
    logs.write_to(logs.STDOUT, "test", [SECRET])
    logs.tell(
        f"cannot reach db://me:{SECRET}@host", {"error.message": f"{SECRET} is wrong", "markdown.why": f"of {SECRET}"}
    )

    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"] == "cannot reach db://me:***@host"
    assert json.loads(line)["error"]["message"] == "*** is wrong"
    assert json.loads(line)["markdown"]["why"] == "of ***"


def test_what_is_not_known_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.write_to(logs.STDOUT, "test")
    logs.tell("told", {"markdown.error": float("nan"), "markdown.country": None, "markdown.week": "2026-02-02"})

    assert json.loads(capsys.readouterr().out)["markdown"] == {"week": "2026-02-02"}


def test_a_full_disk_fails_no_run_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        logs.write_to(logs.STDOUT, "test")
        result = _run_with_lines()
        monkeypatch.undo()

    assert result.success
    assert capsys.readouterr().err.count("Log lines are lost: OSError") == 1


def test_an_event_that_cannot_be_read_fails_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    handler = EventLines()
    for _ in range(2):
        handler.handle(logging.makeLogRecord({"msg": "of no run"}))

    assert capsys.readouterr().err.count("Log lines are lost") == 1


def test_an_unknown_destination_is_a_setting_to_correct() -> None:
    from markdown_pricing.installation.settings import BadSettings, Settings

    with pytest.raises(BadSettings, match="MARKDOWN_PRICING_LOG=syslog: one of stdout, stderr, off"):
        Settings.from_env({"MARKDOWN_PRICING_LOG": "syslog"})


def _run_with_lines() -> dg.ExecuteInProcessResult:
    """A run whose instance has the handler, as dagster.yaml gives it."""

    @dg.op
    def step() -> None:
        return None

    @dg.job
    def job() -> None:
        step()

    handler = {"class": "markdown_pricing.orchestration.event_lines.EventLines"}
    settings = {"python_logs": {"dagster_handler_config": {"handlers": {"lines": handler}}}}
    with dg.instance_for_test(overrides=settings) as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False)
