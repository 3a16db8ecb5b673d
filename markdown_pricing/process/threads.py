"""Limit the threads of a process to its share of the cores, so that workers side by side do not fight for them.

By themselves NumPy's BLAS and OpenMP would each take all cores of the machine in every process. With another number of
threads sums are added in another order, so that a last digit may differ. The same seed and threads give the same
answers.
"""

import os
import sys
from math import ceil
from pathlib import Path

from threadpoolctl import threadpool_limits

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Each library reads its variable when it is loaded. A lower number that somebody has set is kept."""
CGROUP = Path("/sys/fs/cgroup")
_limit: int | None = None


def cores(cgroup: Path = CGROUP) -> int:
    """The cores that this process may use: those it is bound to, and no more than its container's quota, rounded up.

    cgroup : where the kernel shows the quota, https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    """
    bound = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return bound if quota == "max" else min(bound, ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no Linux, or cgroups of version 1
        return bound


def limit_threads(workers: int = 1, given: float | None = None) -> int:
    """Limit BLAS and OpenMP in this process, and in those that it starts, to cores ÷ workers; return that number.

    workers : how many processes compute side by side on these cores
    given   : how many cores the process was given, when its launcher says so; None asks the machine
    """
    global _limit
    share = max(int(min(cores(), given or cores())) // workers, 1)
    _limit = min([share, *(int(value) for name in VARIABLES if (value := os.environ.get(name, "")).isdigit())])
    _limit = max(_limit, 1)
    # Libraries that are loaded later read the environment and nothing else, here and in the processes that this one
    # starts. Those that are loaded already get their limit from threadpoolctl.
    os.environ.update(dict.fromkeys(VARIABLES, str(_limit)))
    threadpool_limits(limits=_limit)
    return _limit


def own_cores() -> int:
    """The cores that this process computes on: those that it was limited to, or else all that it may use."""
    return _limit or cores()


def is_limited() -> bool:
    """Whether the threads of this process are limited already."""
    return _limit is not None
