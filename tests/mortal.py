"""What workers of a round do in tests until they are killed. It imports little, as each process imports it anew."""

import os
import signal
from collections.abc import Callable
from datetime import date
from typing import Any


def killed() -> None:
    """As the kernel does it when memory runs out: nothing is tidied up and nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def price(week: date, country: str, run_id: str, repeats: str | None) -> str:
    """HUN kills its process each time, POL the first time; all others are priced at once."""
    if country == "HUN" or (country == "POL" and repeats is None):
        killed()
    return country


def price_in_dagster(week: date, country: str, run_id: str, repeats: str | None) -> Any:
    """The real run. The first attempt at AUT is killed after the ERP's commit, and that at HUN before it."""
    from markdown_pricing.orchestration import local_runs, refreshing

    real = refreshing.replace_country

    def replaced(*arguments: Any, **named: Any) -> Any:
        return _first_killed(repeats, country, lambda: real(*arguments, **named))

    refreshing.replace_country = replaced  # type: ignore[assignment]
    try:
        return local_runs.price_country(week, country, run_id, repeats)
    finally:
        refreshing.replace_country = real


def _first_killed(repeats: str | None, country: str, replace: Callable[[], Any]) -> Any:
    if repeats is None and country == "HUN":
        killed()
    receipt = replace()
    if repeats is None and country == "AUT":
        killed()
    return receipt
