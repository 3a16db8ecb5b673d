"""How many threads a process computes with: its share of the cores, so that workers side by side do not fight for them.

NumPy's BLAS and OpenMP would each take all cores of the machine in every process. Sums are added in another order on
another number of threads, so that a last digit may differ: the same seed and threads give the same answers.
"""

import os
from math import ceil
from pathlib import Path

from threadpoolctl import threadpool_limits

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by each library when it is loaded. A lower number that somebody has set stays."""
CGROUP = Path("/sys/fs/cgroup")
_limit: int | None = None


def cores(cgroup: Path = CGROUP) -> int:
    """The cores that this process may use: those it is bound to, and no more than its container's quota, rounded up.

    cgroup : where the kernel tells the quota, https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return bound if quota == "max" else min(bound, ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no Linux, or cgroups of version 1
        return bound


def limit_threads(workers: int = 1, given: float | None = None) -> int:
    """Limits BLAS and OpenMP in this process, and in those it starts, to cores ÷ workers; answers that number.

    workers : processes that compute side by side on these cores
    given : cores that the process was given, where its launcher says so; else what the machine says
    """
    global _limit
    share = max(int(min(cores(), given or cores())) // workers, 1)
    _limit = min([share, *(int(value) for name in VARIABLES if (value := os.environ.get(name, "")).isdigit())])
    _limit = max(_limit, 1)
    # Libraries that are loaded from now on read the variables; the others are told.
    os.environ.update(dict.fromkeys(VARIABLES, str(_limit)))
    threadpool_limits(limits=_limit)
    return _limit


def is_limited() -> bool:
    """Whether this process knows its share already."""
    return _limit is not None
