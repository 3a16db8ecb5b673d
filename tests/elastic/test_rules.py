"""Each alert rule on a real Elasticsearch, by elastalert2's own code, on what real rounds wrote: it fires on its fault.

The rounds ran now; their lines are moved to their weeks' Mondays, else they are as they were written.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.alerts import LOG, AlertsTaken, alerts_due, send_all, to_the_log
from markdown_pricing.process import logs
from markdown_pricing.weeks import opens_at
from tests.elastic.alerting import Alert, alerts
from tests.elastic.conftest import ELASTIC
from tests.elastic.node import Elasticsearch, Refused
from tests.elastic.rounds import BAD, FIRST, GOOD, Line, Round, moved_to_its_monday

RULES = {file.stem for file in (ELASTIC / "rules").glob("*.yaml")}
SIX_HOURS = timedelta(hours=6)


def looks(first: datetime, last: datetime) -> list[datetime]:
    """Every six hours."""
    return [first + n * SIX_HOURS for n in range((last - first) // SIX_HOURS + 1)]


@pytest.fixture(scope="module")
def fired(elastic: Elasticsearch, rounds: list[Round], tmp_path_factory: pytest.TempPathFactory) -> list[Alert]:
    """All alerts from the first round to a week and a day after the bad one, after which no round came."""
    for one in rounds:
        elastic.keep(f"markdown-pricing-{one.week:%Y.%m}", moved_to_its_monday(one))
    begin, end = (datetime(day.year, day.month, day.day, 5, tzinfo=UTC) for day in (FIRST, BAD + timedelta(days=9)))
    return alerts(elastic, Path(tmp_path_factory.mktemp("elastalert")), looks(begin, end))


def of(fired: list[Alert], rule: str) -> list[Alert]:
    return [alert for alert in fired if alert["rule"] == rule]


def test_every_rule_is_taken_and_none_faults(fired: list[Alert]) -> None:
    assert {alert["rule"] for alert in fired} <= RULES


def test_a_good_round_is_silent(fired: list[Alert]) -> None:
    """From the first round to the moment before the bad one, both rounds included."""
    assert [alert for alert in fired if alert["at"] < BAD.isoformat()] == []


@pytest.mark.parametrize(
    ("rule", "fault", "says"),
    [
        (
            "predictions_down",
            "three of twenty articles gone",
            ["3 rows fewer than the last other week had (15 % less)"],
        ),
        ("model_error_up", "sales that nobody foresees", ["in the country's last other week it was"]),
        ("erp_refresh_refused", "a later run was there", ["has written that week already"]),
        ("country_failed", "both that are lost", ["of-a-later-run", "POL has no part files"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_fires_on_its_fault_and_on_nothing_else(
    fired: list[Alert], rule: str, fault: str, says: list[str]
) -> None:
    found = of(fired, rule)

    assert len(found) == len(says)
    for alert, words in zip(found, says, strict=True):
        assert words in alert["text"]
        assert alert["at"].startswith(BAD.isoformat())


def test_a_country_that_vanished_is_missed_within_the_day(fired: list[Alert]) -> None:
    """Poland sends nothing, so no count falls; Austria was refused."""
    missed = of(fired, "country_vanished")
    on_the_day = [alert for alert in missed if alert["at"].startswith(BAD.isoformat())]

    assert sorted(alert["text"].split("key: ")[1][:3] for alert in on_the_day) == ["AUT", "POL"]


def test_a_week_without_any_round_is_missed_even_if_dagster_is_gone(fired: list[Alert]) -> None:
    monday = (BAD + timedelta(days=7)).isoformat()

    assert of(fired, "no_round_begun")[0]["at"].startswith(monday)


def test_dagsters_word_that_no_country_is_done_by_noon_is_an_alert(
    elastic: Elasticsearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A late snapshot: the sensor's own look at Monday noon, with nothing delivered and no run begun."""
    noon = opens_at(GOOD) + timedelta(hours=4)
    logs.write_to(logs.STDOUT, "test")
    with dg.DagsterInstance.ephemeral() as instance:
        send_all(list(alerts_due(instance, Lake(str(tmp_path)), FIRST, noon)), AlertsTaken(), {LOG: to_the_log})
    logs.write_to(logs.OFF, "test")
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    at = noon.astimezone(UTC)
    elastic.keep("markdown-pricing-late", [{**line, "@timestamp": at.isoformat()}])

    fired = alerts(elastic, tmp_path, [at + timedelta(minutes=1)])

    assert [alert["rule"] for alert in fired if alert["text"].startswith(f"Markdown pricing, week {GOOD}")] == [
        "no_round_by_monday_noon"
    ]


def test_a_field_that_the_template_does_not_name_is_noticed(elastic: Elasticsearch, good: Round) -> None:
    """So the test above, which keeps all lines under it, shows that the template names every field."""
    line: Line = good.lines[0]
    unknown = {**line, "markdown": {**line["markdown"], "surprise": 1}}

    with pytest.raises(Refused, match="strict_dynamic_mapping_exception"):
        elastic.keep("markdown-pricing-strict", [unknown])
