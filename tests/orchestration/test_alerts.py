"""What people are told of a round, by servers that really listen, and what happens when they do not."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from unittest.mock import patch

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.lake.errors import LakeUnreachable
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import alerts
from markdown_pricing.orchestration.alerts import Alert, AlertsTaken, alerting, alerts_due
from markdown_pricing.orchestration.figures import EXPECTED_REVENUE_EUR, LEAD_OVER_HABIT, STAKE_EUR, STAKE_PCT
from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB, NOT_RETRIED_TAG, OUTCOMES_JOB, ROUND_TAG, WEEK_TAG
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.process import logs
from markdown_pricing.texts.messages import BadMessageUrl, UnsafeMessageUrl, _service, send
from markdown_pricing.weeks import ONE_WEEK, opens_at, this_week
from tests.markdown.seasons import article
from tests.priced import keep_priced
from tests.processes import free_port
from tests.receivers import Chat, chat_server, mail_server, silent_server

WEEK = this_week(datetime.now(UTC))
LONG_AGO = date(2020, 1, 6)
ROUND = f"{WEEK}@stamp"
MINUTE = timedelta(minutes=1)
SUCCESS, FAILURE, STARTED = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED


class Round:
    """A round's runs as Dagster has recorded them, and the sensor's looks with the cursor that the last one left."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake) -> None:
        self.instance, self.lake, self.cursor = instance, lake, None

    def run(self, country: str, status: DagsterRunStatus, week: date = WEEK, **tags: str) -> dg.DagsterRun:
        known = {ROUND_TAG: f"{week}@stamp", WEEK_TAG: str(week), COUNTRY_TAG: country}
        return create_run_for_test(self.instance, JOB, status=status, tags={**known, **tags})

    def predicted(self, country: str, eur: float | None, week: date = WEEK) -> None:
        """Its decisions are worth so many euros, 0.2 % of its expected revenue; None: it has no rate."""
        metadata = {STAKE_PCT.label: 0.2, LEAD_OVER_HABIT.label: 10.0}
        if eur is not None:
            metadata |= {STAKE_EUR.label: eur, EXPECTED_REVENUE_EUR.label: 500 * eur}
        key = str(partition_key(week, country))
        event = dg.AssetMaterialization("markdown_predictions", partition=key, metadata=metadata)
        self.instance.report_runless_asset_event(event)

    def look(self, *urls: str) -> str:
        """What one look says for itself. The week is far ahead, so that none is late."""
        sensor = alerting(urls, WEEK + 9 * ONE_WEEK, 60)
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources={"lake": self.lake})
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return str(result.skip_reason.skip_message if result.skip_reason else "")


@pytest.fixture
def a_round(tmp_path: Path) -> Iterator[Round]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Round(instance, Lake(str(tmp_path)))


@pytest.fixture
def chat() -> Iterator[Chat]:
    with chat_server() as chat:
        yield chat


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator["Lines"]:
    yield Lines(capsys)
    logs.write_to(logs.OFF, "test")


class Lines:
    """The log lines of a test, from `start` on."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def start(self) -> None:
        # Not when the fixture is made: what pytest has in the place of standard output then is closed later.
        logs.write_to(logs.STDOUT, "test")

    def actions(self) -> list[str]:
        """The actions of the lines that were written since the last look."""
        return [action for action, _ in self.levels()]

    def levels(self) -> list[tuple[str, str]]:
        """The action and the level of each line since the last look."""
        told = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        return [(line["event"]["action"], line["log.level"]) for line in told]


def test_a_round_that_is_over_has_one_digest(a_round: Round, chat: Chat) -> None:
    a_round.run("DEU", SUCCESS)
    a_round.run("AUT", SUCCESS)

    for _ in range(3):
        a_round.look(chat.url)

    [digest] = chat.taken
    assert digest["title"] == f"Markdown pricing, week {WEEK}: 2 of 2 countries done"
    assert digest["message"] == "Done: AUT, DEU."


def test_a_ledger_that_failed_for_good_is_told_once_and_again_when_other_countries_fail(
    a_round: Round, chat: Chat
) -> None:
    """Once no run of the week's ledgers is under way; a country that is mended by a later run is told no more."""

    def ledger(country: str, status: DagsterRunStatus) -> dg.DagsterRun:
        tags = {WEEK_TAG: str(WEEK - ONE_WEEK), COUNTRY_TAG: country}
        return create_run_for_test(a_round.instance, OUTCOMES_JOB, status=status, tags=tags)

    ledger("DEU", FAILURE)
    ledger("POL", FAILURE)
    under_way = ledger("AUT", STARTED)
    a_round.look(chat.url)
    assert chat.taken == []

    a_round.instance.report_run_canceled(under_way)
    for _ in range(2):
        a_round.look(chat.url)
    [told] = chat.taken
    assert told["title"] == f"Markdown pricing, ledger of {WEEK - ONE_WEEK}: AUT, DEU, POL failed"
    assert "- AUT: canceled" in told["message"]

    ledger("DEU", SUCCESS)
    ledger("AUT", SUCCESS)
    a_round.look(chat.url)
    assert chat.taken[-1]["title"].endswith(": POL failed")

    ledger("POL", SUCCESS)
    a_round.look(chat.url)
    assert len(chat.taken) == 2


def test_good_news_is_no_error(a_round: Round, lines: "Lines") -> None:
    """The end of a round is an error in the log only when a country was lost in it."""
    lines.start()
    a_round.run("DEU", SUCCESS)
    a_round.look()
    good = lines.levels()
    a_round.run("AUT", FAILURE)
    a_round.look()

    assert good == [("round_ended", "info")]
    assert sorted(lines.levels()) == [("country_failed", "error"), ("round_ended", "error")]


def test_the_digest_tells_failed_from_blocked_and_the_money_at_stake(a_round: Round, chat: Chat) -> None:
    a_round.run("DEU", SUCCESS)
    a_round.run("POL", DagsterRunStatus.CANCELED)
    a_round.run("HUN", FAILURE, **{NOT_RETRIED_TAG: "rows_not_halved"})
    a_round.run("FRA", FAILURE, **{NOT_RETRIED_TAG: "BadTrainingData"})
    a_round.predicted("DEU", eur=73_609)
    a_round.predicted("HUN", eur=None, week=WEEK - ONE_WEEK)
    a_round.predicted("FRA", eur=2_500, week=WEEK - ONE_WEEK)

    a_round.look(chat.url)

    [digest] = chat.taken
    assert digest["title"].endswith("1 of 4 countries done")
    assert digest["message"].splitlines() == [
        "Done: DEU.",
        "This week's decisions: 73,600 EUR; the whole plan against the old habit: +10.0 %.",
        "Failed:",
        "- FRA: no reason given",
        "- POL: canceled",
        "Blocked by a check:",
        "- HUN: At least half as many rows as in the country's last other week. Blocks the refresh.",
        "At stake: 2,500 EUR, and 0.20 % of the expected revenue of HUN, and what is not known of POL. "
        "So much is lost when their markdowns wait a week.",
    ]


def test_the_digest_ends_with_the_articles_whose_advice_differs_widely(a_round: Round, chat: Chat) -> None:
    """They are looked for once, when the digest is put together."""
    cheap = article({-6: 49.99, -5: 19.99, -1: 19.99, 0: 19.99}, stock=10)
    keep_priced(a_round.lake, WEEK, {"DEU": [article(stock=10)], "AUT": [cheap]})
    for country in ("AUT", "DEU"):
        a_round.run(country, SUCCESS)

    with patch.object(alerts, "compare_countries", wraps=alerts.compare_countries) as compared:
        for _ in range(2):
            a_round.look(chat.url)

    [digest] = chat.taken
    assert digest["message"].splitlines()[1] == (
        "The advice for 1 of 1 article differs widely between countries, by 45 points or more:"
    )
    assert digest["message"].splitlines()[2].startswith("- 0000: 0 % off in DEU, 60 % off in AUT. ")
    assert compared.call_count == 1


def test_a_lake_that_does_not_answer_holds_no_digest_up(a_round: Round, chat: Chat) -> None:
    a_round.run("DEU", SUCCESS)

    with patch.object(alerts, "compare_countries", side_effect=LakeUnreachable("hdfs://name", "no answer")):
        a_round.look(chat.url)

    [digest] = chat.taken
    assert digest["message"].splitlines()[1].startswith("The advice of the countries could not be compared: ")


def test_the_first_failure_is_told_at_once_and_the_rest_in_the_digest(a_round: Round, chat: Chat) -> None:
    a_round.run("FRA", FAILURE)
    going = a_round.run("DEU", STARTED)
    a_round.look(chat.url)
    a_round.run("ITA", FAILURE)
    a_round.look(chat.url)

    assert [told["title"] for told in chat.taken] == [f"Markdown pricing, week {WEEK}: FRA failed"]

    event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, JOB)
    a_round.instance.report_dagster_event(event, run_id=going.run_id)
    a_round.look(chat.url)

    assert [told["title"] for told in chat.taken[1:]] == [f"Markdown pricing, week {WEEK}: 1 of 3 countries done"]


def test_a_run_that_will_be_tried_again_is_no_failure_yet(a_round: Round, chat: Chat, lines: Lines) -> None:
    lines.start()
    a_round.run("FRA", FAILURE, **{"dagster/will_retry": "true"})
    a_round.run("ITA", FAILURE, **{"dagster/will_retry": "true", "dagster/auto_retry_run_id": "its retry"})
    a_round.run("ITA", STARTED)

    a_round.look(chat.url)

    assert chat.taken == []
    assert lines.actions() == []


def test_each_lost_country_has_one_line_in_the_log_with_no_url_set(a_round: Round, lines: Lines) -> None:
    lines.start()
    a_round.run("FRA", FAILURE)
    a_round.run("ITA", FAILURE)

    for _ in range(2):
        a_round.look()

    assert sorted(lines.actions()) == ["country_failed", "country_failed", "round_ended"]


def test_a_week_with_nothing_done_by_noon_is_late(a_round: Round) -> None:
    def late(after: timedelta) -> list[Alert]:
        due = alerts_due(a_round.instance, a_round.lake, LONG_AGO, opens_at(WEEK) + after)
        return [alert for alert in (each.alert() for each in due) if alert.action == "round_late"]

    assert late(timedelta(hours=4) - MINUTE) == []
    [alert] = late(timedelta(hours=4))
    assert "no country is done by Monday noon; it has not begun" in alert.text

    a_round.run("DEU", STARTED)
    [alert] = late(timedelta(hours=5))
    assert "under way" in alert.text

    a_round.run("AUT", SUCCESS)
    assert late(timedelta(hours=5)) == []


def test_what_has_been_told_is_not_looked_up_again(a_round: Round, chat: Chat) -> None:
    """A look each minute for six days reads no event of what has been told.

    Before it, it reads one for each failed country, and two for each country's ledgers.
    """
    for country in ("FRA", "ITA", "POL"):
        a_round.run(country, FAILURE)
        a_round.predicted(country, eur=50)
    instance = a_round.instance

    with (
        patch.object(instance, "fetch_materializations", wraps=instance.fetch_materializations) as figures,
        patch.object(instance, "all_logs", wraps=instance.all_logs) as events,
    ):
        looks = []
        for _ in range(3):
            a_round.look(chat.url)
            looks.append((figures.call_count, events.call_count))

    assert [call.kwargs["limit"] for call in figures.call_args_list] == [1] * 9
    assert looks[0] == looks[2] == (9, 6)  # of each country its line in the log and its line in the digest
    assert "At stake: 150 EUR." in chat.taken[0]["message"]


def test_a_mail_has_the_digest(a_round: Round) -> None:
    a_round.run("DEU", SUCCESS)

    with mail_server() as mail:
        a_round.look(mail.url)

    [message] = mail.taken
    assert message["Subject"] == f"Markdown pricing, week {WEEK}: 1 of 1 country done"
    assert message["To"] == "team@example.com"


def test_a_text_from_the_data_is_no_html_of_a_mail() -> None:
    """As a fault's example may be, which names an article."""
    with mail_server() as mail:
        assert send(mail.url, "Markdown pricing", "- DEU: <img src=x onerror=y> & more") == ""

    [message] = mail.taken
    assert message.get_content_type() == "text/plain"
    assert "<img src=x onerror=y> & more" in message.get_content()


def test_a_server_that_is_down_is_said_once_and_told_when_it_is_back(a_round: Round, lines: Lines) -> None:
    lines.start()
    a_round.run("DEU", SUCCESS)

    with chat_server() as chat:
        chat.answers = 507
        said = [a_round.look(chat.url) for _ in range(3)]
        chat.answers = 200
        a_round.look(chat.url)
        a_round.look(chat.url)

    assert said == ["JSON did not take the message"] * 3
    assert len(chat.taken) == 1
    assert lines.actions() == ["round_ended", "message_not_sent"]


def test_one_dead_server_keeps_no_message_from_another(a_round: Round, chat: Chat) -> None:
    a_round.run("DEU", SUCCESS)

    with mail_server() as mail:
        mail.full = True
        a_round.look(f"json://127.0.0.1:{free_port()}", mail.url, chat.url)

    assert len(chat.taken) == 1
    assert mail.taken == []


def test_a_server_that_stays_silent_is_left_alone_after_the_limit() -> None:
    with silent_server() as url:
        began = monotonic()
        first, second = send(url, "title", "text", within_s=0.2), send(url, "title", "text", within_s=0.2)

    assert (first, second) == ("JSON does not answer", "JSON still does not answer")
    assert monotonic() - began < 3


def test_memory_holds_only_what_can_still_be_told(a_round: Round, chat: Chat) -> None:
    a_round.cursor = AlertsTaken({"log": ["end of an old round"], "message 1": ["end of an old round"]}).to_cursor()

    a_round.look(chat.url)

    assert AlertsTaken.from_cursor(a_round.cursor) == AlertsTaken({"log": [], "message 1": []}, [])


def test_no_url_stands_in_the_cursor_or_in_what_is_said(a_round: Round) -> None:
    a_round.run("DEU", SUCCESS)

    said = a_round.look(f"json://robot:s3cret@127.0.0.1:{free_port()}")

    assert "s3cret" not in f"{said} {a_round.cursor}"


def test_a_url_that_is_none_is_named_by_its_setting_without_itself() -> None:
    with pytest.raises(BadMessageUrl, match="MARKDOWN_PRICING_ALERTS") as caught:
        send("carrier-pigeon://s3cret", "title", "text")

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["json", "mailto", "ntfy"])
def test_a_password_is_sent_in_clear_to_nobody_but_this_machine(kind: str) -> None:
    """`jsons` and `mailtos` are encrypted, and so is every service that has no other kind."""
    with pytest.raises(UnsafeMessageUrl, match=r"MARKDOWN_PRICING_ALERTS .* to mail\.example\.com") as caught:
        _service(f"{kind}://robot:s3cret@mail.example.com/topic")

    assert "s3cret" not in str(caught.value)
    for url in ("jsons://robot:s3cret@mail.example.com", "json://mail.example.com", "json://robot:s3cret@127.0.0.1"):
        assert _service(url)
