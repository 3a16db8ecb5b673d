"""Workers side by side do not fight for the cores: each computes on its share."""

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from markdown_pricing.threads import CGROUP, VARIABLES, cores, limit_threads
from markdown_pricing.workers import worker_processes

BOUND = len(os.sched_getaffinity(0))


def threads_of_this_process() -> set[int]:
    """Of every BLAS and OpenMP that a country's run loads."""
    import lightgbm  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    return {library["num_threads"] for library in threadpool_info()}


def in_a_fresh_process(code: str, **environ: str) -> set[int]:
    program = f"""
import json, numpy
from markdown_pricing.threads import limit_threads
{code}
import lightgbm, scipy.linalg
from threadpoolctl import threadpool_info
print(json.dumps([library["num_threads"] for library in threadpool_info()]))
"""
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**clean, **environ}
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("workers", [1, 2, BOUND + 1])
def test_a_worker_of_a_round_computes_on_cores_divided_by_workers(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with worker_processes(1, workers) as pool:
        assert pool.submit(threads_of_this_process).result() == {max(cores() // workers, 1)}


def test_a_worker_of_a_back_test_does_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with ProcessPoolExecutor(1, initializer=limit_threads, initargs=(2,)) as pool:
        assert pool.submit(threads_of_this_process).result() == {max(cores() // 2, 1)}


def test_what_is_loaded_before_and_after_has_the_limit() -> None:
    assert in_a_fresh_process(f"limit_threads({BOUND})") == {1}


def test_a_run_keeps_to_what_its_container_was_given() -> None:
    assert in_a_fresh_process("limit_threads(1, given=1.5)") == {1}


def test_a_lower_number_that_somebody_has_set_stays() -> None:
    assert in_a_fresh_process("limit_threads()", OMP_NUM_THREADS="1") == {1}


@pytest.mark.parametrize(
    ("told", "expected"),
    [("max 100000\n", BOUND), ("100000 100000\n", 1), ("10000 100000\n", 1), ("6400000 100000\n", BOUND)],
)
def test_a_container_s_quota_counts(tmp_path: Path, told: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(told)

    assert cores(tmp_path) == min(expected, BOUND)


def test_without_cgroups_the_process_s_own_cores_count(tmp_path: Path) -> None:
    assert cores(tmp_path / "none") == BOUND
    assert 1 <= cores(CGROUP) <= BOUND
