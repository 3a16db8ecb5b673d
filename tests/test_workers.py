"""Processes that work on countries side by side."""

import warnings

from markdown_pricing.errors import InputWarning
from markdown_pricing.workers import worker_processes


def warnings_heard() -> int:
    with warnings.catch_warnings(record=True) as heard:
        warnings.warn("nobody reads the column time_zone any more", InputWarning, stacklevel=1)
    return len(heard)


def test_what_the_command_has_warned_of_no_worker_says_again() -> None:
    with worker_processes(1) as pool:
        assert pool.submit(warnings_heard).result() == 0
