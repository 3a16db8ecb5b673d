"""Decide what becomes of a launch that did not succeed, by its error and the seconds that have passed, without I/O."""

from enum import Enum

from .errors import Final, MetronomeError, NotStarted


class Next(Enum):
    """What to do about the Dagster run of such a launch."""

    QUEUE = "put it back into Dagster's queue, which launches it again"
    FAIL = "fail it, and leave the retry, which is another run and another job, to Dagster"
    GIVE_UP = "fail it and have it not retried"


def after(error: MetronomeError, tried_s: float, limit_s: float) -> Next:
    """What to do about a run whose launch raised `error`.

    A launch that surely started nothing costs no retry: four of them would be over within seconds, an outage is not.
    What the cluster refuses, a wrong password among it, it would refuse the retries, too. Any other launch may have
    left a container on its way, so that only another run, whose job is another, may begin.

    tried_s : seconds since the run was first launched
    limit_s : seconds for which a run may wait for the cluster
    """
    if isinstance(error, Final):
        return Next.GIVE_UP
    if isinstance(error, NotStarted) and tried_s < limit_s:
        return Next.QUEUE
    return Next.FAIL
