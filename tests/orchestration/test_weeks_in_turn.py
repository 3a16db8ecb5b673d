"""Which of several delivered weeks is next, by the facts of one look."""

from dataclasses import replace

from markdown_pricing.orchestration.next_round import (
    next_round,
    not_settled,
)
from markdown_pricing.orchestration.situation import (
    Delivery,
    Progress,
    Run,
    RunState,
    Settled,
)
from markdown_pricing.weeks import opens_at
from tests.orchestration.situations import COUNTRIES, HOUR, facts_of, weeks_delivered


def under_way(delivery: Delivery, code: str = "DEU") -> Run:
    """A country's run of the week's round, created on its Monday."""
    began = opens_at(delivery.week)
    return Run(code, began, RunState.UNDER_WAY, delivery.round, str(delivery.week), code)


def test_the_newest_delivery_with_a_country_to_price_is_started() -> None:
    """The current week comes first, however many are missed; what is settled counts as started; older ones wait."""
    settled, next_one, last = weeks_delivered(3)
    receipts = frozenset(Settled(settled.week, country, "ab") for country in COUNTRIES)

    first = next_round(facts_of([settled, next_one, last]), Progress())
    second = next_round(facts_of([settled, next_one, last], receipts=receipts), Progress())

    assert {start.delivery.week for start in first.start} == {settled.week}
    assert {start.delivery.week for start in second.start} == {next_one.week}
    assert second.progress.started == {str(settled.week): 5, str(next_one.week): 5}


def test_of_an_older_week_it_is_enough_that_its_predictions_lie_on_the_lake() -> None:
    """As with an empty Dagster database; of the newest week the ERP has to hold the rows."""
    newest, older, oldest = weeks_delivered(3)
    archived = frozenset(Settled(each.week, country, "ab") for each in (newest, older) for country in COUNTRIES)
    receipts = frozenset(Settled(newest.week, country, "ab") for country in COUNTRIES)
    facts = facts_of([newest, older, oldest], archived=archived)

    assert {start.delivery.week for start in next_round(facts, Progress()).start} == {newest.week}
    decision = next_round(replace(facts, receipts=receipts), Progress())
    assert {start.delivery.week for start in decision.start} == {oldest.week}


def test_predictions_of_an_earlier_delivery_of_an_older_week_are_not_enough() -> None:
    _, older = weeks_delivered(2)
    archived = frozenset(Settled(older.week, country, "an earlier one") for country in COUNTRIES)

    assert not_settled(older, facts_of(weeks_delivered(2), archived=archived)) == list(COUNTRIES)


def test_a_new_monday_goes_before_what_is_being_caught_up() -> None:
    """Its round starts beside the other one, and each of its runs stands before all of the other's in the queue."""
    monday, older, oldest = weeks_delivered(3)
    catching_up = next_round(facts_of([older, oldest]), Progress())
    queued = [replace(under_way(older, each.country), created=opens_at(monday.week)) for each in catching_up.start]

    decision = next_round(facts_of([monday, oldest], runs=queued), catching_up.progress)

    assert {start.delivery.week for start in decision.start} == {monday.week}
    assert min(start.priority for start in decision.start) > max(start.priority for start in catching_up.start)
    assert decision.progress.rounds == (older.round, monday.round)


def test_what_the_countries_share_of_a_new_monday_goes_before_what_is_being_caught_up() -> None:
    monday, older = weeks_delivered(2)
    catching_up = Progress(rounds=(older.round,))
    queued = [replace(under_way(older), created=opens_at(monday.week))]

    [start] = next_round(facts_of([monday], runs=queued, learnt=frozenset()), catching_up).start

    assert (start.delivery.week, start.country) == (monday.week, "")
    assert start.priority > _longest_priority(older)


def test_a_missed_week_waits_for_the_round_under_way() -> None:
    """A week that is delivered anew while its round is under way waits, too."""
    current, older = weeks_delivered(2)
    again = replace(current, written_ms=6, stamp="cd")

    for delivery in (older, again):
        facts = replace(facts_of([delivery], runs=[under_way(current)]), now=opens_at(current.week))
        decision = next_round(facts, Progress(rounds=(current.round,)))
        assert (decision.start, "1 run unfinished" in decision.says) == ((), True)


def test_two_rounds_have_a_day_each() -> None:
    """That of the week caught up ends; that of the Monday, begun later, goes on."""
    monday, older = weeks_delivered(2)
    began = opens_at(monday.week)
    caught_up = replace(under_way(older), created=began - 20 * HOUR)
    runs = [caught_up, under_way(monday)]
    facts = replace(facts_of([monday, older], runs=runs), now=began + 5 * HOUR)

    decision = next_round(facts, Progress(rounds=(older.round, monday.round)))

    assert decision.end
    assert decision.end.runs == [caught_up]


def test_a_look_that_leaves_weeks_for_the_next_one_says_so() -> None:
    """After years without a record their predictions are found by and by."""
    newest, older, oldest = weeks_delivered(3)
    settled = frozenset(Settled(each.week, country, "ab") for each in (newest, older) for country in COUNTRIES)
    delivered = {each.week: 5 for each in (newest, older, oldest)}

    decision = next_round(facts_of([newest, older], receipts=settled, delivered=delivered), Progress())

    assert decision.says == "All is there of 2026-02-23, 2026-02-16. The next look goes on."


def _longest_priority(delivery: Delivery) -> int:
    return max(start.priority for start in next_round(facts_of([delivery]), Progress()).start)
