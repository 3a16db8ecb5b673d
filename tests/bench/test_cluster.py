"""The simulated cluster of bench/cluster.py: it loses no work, and no run is where there is no room for it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bench.cluster import MEASURED, MIB, RUN_CPUS, Cluster, Job, Round, bound, jobs_of, play

FREE = Cluster(1, 8, 64 * MIB, boot_s=0.0, pull_s=0.0, begin_s=0.0, launch_s=0.0)
"""One node that is there at once, so that nothing but the work takes time."""


def job(seconds: float, memory_mib: float = 100.0) -> Job:
    return Job("DEU", (seconds / 2, seconds / 2), memory_mib)


def seconds_of(cluster: Cluster, shared: Job, countries: list[Job]) -> float:
    played = play(cluster, shared, countries, seed=0)
    assert played is not None
    return played.seconds


def test_a_round_takes_the_shared_run_and_then_the_longest_country_when_there_is_room_for_all() -> None:
    assert seconds_of(FREE, job(10), [job(5), job(30), job(20)]) == pytest.approx(10 + 30)


def test_runs_wait_for_cpus() -> None:
    narrow = replace(FREE, cpus=RUN_CPUS)
    assert seconds_of(narrow, job(10), [job(5), job(30), job(20)]) == pytest.approx(10 + 5 + 30 + 20)


def test_runs_wait_for_memory() -> None:
    tight = replace(FREE, memory_mib=150.0)
    assert seconds_of(tight, job(10), [job(5), job(30)]) == pytest.approx(10 + 30 + 5)


def test_a_run_that_fits_on_no_node_has_no_round() -> None:
    assert play(replace(FREE, memory_mib=99.0), job(10), [job(5)], seed=0) is None


def test_boot_image_start_and_launches_are_waited_for() -> None:
    slow = replace(FREE, boot_s=90.0, pull_s=25.0, begin_s=6.0, launch_s=1.0)
    # The second of two countries is launched a second later, and the image is there by then.
    assert seconds_of(slow, job(10), [job(20), job(20)]) == pytest.approx(90 + 25 + 6 + 10 + 6 + 20 + 1)


def test_a_lost_run_goes_on_after_the_last_step_that_it_had_finished() -> None:
    run = Job("DEU", (10.0, 20.0, 5.0), 100.0)
    assert run.after(9.0).steps == (10.0, 20.0, 5.0)
    assert run.after(10.0).steps == (20.0, 5.0)
    assert run.after(29.0).steps == (20.0, 5.0)
    assert run.after(31.0).steps == (5.0,)


@pytest.mark.parametrize("seed", range(20))
def test_all_work_is_done_on_nodes_that_are_taken_away(seed: int) -> None:
    spot = replace(FREE, nodes=3, lost_an_hour=0.9, boot_s=60.0)
    playing = Round(spot, np.random.default_rng(seed))
    jobs = [job(600.0 + number) for number in range(40)]
    playing.play(jobs)
    assert playing.worked == pytest.approx(sum(one.seconds for one in jobs))
    assert all(node.cpus == pytest.approx(spot.cpus) for node in playing.nodes)


def test_spot_nodes_that_are_never_lost_are_as_fast_as_nodes_on_demand() -> None:
    shared, countries = jobs_of(MEASURED, 1)
    spot = replace(FREE, lost_an_hour=1e-12, node_price=0.3)
    assert seconds_of(spot, shared, countries) == seconds_of(FREE, shared, countries)


def test_more_nodes_cost_at_most_their_pull_of_the_image_and_no_round_beats_the_bound() -> None:
    shared, countries = jobs_of(MEASURED, 1)
    real = Cluster(1, 8, 64 * MIB)
    seconds = [seconds_of(replace(real, nodes=nodes), shared, countries) for nodes in (1, 2, 4, 8, 64)]
    assert all(more <= fewer + real.pull_s for fewer, more in pairwise(seconds))
    assert min(seconds) >= bound(real, shared, countries)


def test_a_production_round_has_45_countries_that_grow_with_the_size() -> None:
    _, countries = jobs_of(MEASURED, 1)
    _, larger = jobs_of(MEASURED, 10)
    assert len(countries) == 45
    assert all(big.seconds > small.seconds for big, small in zip(larger, countries, strict=True))


def test_the_shared_run_has_room_for_as_many_countries_as_it_learns_from_at_a_time() -> None:
    alone, countries = jobs_of(MEASURED, 1, at_a_time=1)
    four, _ = jobs_of(MEASURED, 1, at_a_time=4)
    largest = sorted(country.memory_mib for country in countries)[-4:]
    assert (alone.cpus, alone.memory_mib) == (RUN_CPUS, max(largest))
    assert (four.cpus, four.memory_mib) == (4, sum(largest))
    assert alone.seconds == pytest.approx(four.seconds * four.at_work)
    assert four.at_work > 3, "while the last countries are learnt from, nobody waits for long"
