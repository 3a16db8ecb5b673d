"""kill -9 at a country's run: a short, seeded version of bench/kills.py."""

import random
from pathlib import Path

from tests.postgres.server import PostgresServer
from tests.system.kills import Tally, kill_and_retry, shop
from tests.system.moments import AfterEvent, AtRandom, AtTheCommit, InAPublish, Moment

DICE = random.Random(7)
MOMENTS: tuple[Moment, ...] = (
    AfterEvent(DICE.randint(1, 6)),
    AtRandom(DICE.uniform(0.0, 0.5)),
    InAPublish(1),
    AtTheCommit(after=True),
)


def test_a_killed_run_loses_and_doubles_nothing(tmp_path: Path, postgres: PostgresServer) -> None:
    """Killed four times and retried from where it stopped: the end is that of an undisturbed run, byte for byte."""
    tally = Tally()
    with shop(tmp_path, str(tmp_path / "lake"), postgres.fresh_database(), postgres.user, ["EST"], 12) as here:
        undisturbed = here.undisturbed("EST")
        here.forget("EST")

        kill_and_retry(here, "EST", MOMENTS, tally)

        assert tally.violations == []
        assert sum(tally.kills.values()) == len(MOMENTS)
        assert here.leftovers_of_a_day() == 1
        assert here.leftovers_of_a_day() == 0
        assert here.results("EST") == undisturbed
