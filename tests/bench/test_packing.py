"""How a round is packed into slots, on paper."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.packing import longest_first, lower_bound, makespan, static_split

SECONDS = st.dictionaries(st.text("ABC", min_size=3, max_size=3), st.floats(0.1, 100), min_size=1, max_size=6)


def test_longest_first_beats_the_static_split_where_the_large_stand_together() -> None:
    """Two large countries beside each other, as DEU and AUT are."""
    seconds = {"DEU": 8.0, "AUT": 6.0, "EST": 1.0, "LVA": 1.0}

    assert lower_bound(seconds, 2) == longest_first(seconds, 2) == 8.0
    assert static_split(seconds, 2) == 14.0


def test_runs_take_the_slot_that_is_free_first() -> None:
    """They begin in the order in which they are given."""
    assert makespan([3, 1, 1, 1, 5], slots=2) == 8


@settings(max_examples=50)
@given(seconds=SECONDS, slots=st.integers(1, 4))
def test_the_best_schedule_lies_between_the_bound_and_longest_first(seconds: dict[str, float], slots: int) -> None:
    """Of all schedules, tried one by one; longest first is at most 4/3 of the best (Graham 1969)."""
    durations = list(seconds.values())
    best = min(
        max(sum(d for d, at in zip(durations, places, strict=True) if at == slot) for slot in range(slots))
        for places in product(range(slots), repeat=len(durations))
    )

    assert lower_bound(seconds, slots) <= best * (1 + 1e-9)
    assert best <= longest_first(seconds, slots) * (1 + 1e-9)
    assert longest_first(seconds, slots) <= best * 4 / 3 * (1 + 1e-9)
