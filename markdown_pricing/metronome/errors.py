"""What can go wrong with the cluster, divided by whether repeating the call can help."""


class MetronomeError(Exception):
    """The cluster did not do what it was asked. The text says what happened, where, and what to do."""


class Transient(MetronomeError):
    """The cluster could not be asked or could not answer, so that nothing is known yet and repeating may help.

    may_have_acted : False when the call surely changed nothing, so that any call may be repeated
    """

    def __init__(self, text: str, *, may_have_acted: bool = True) -> None:
        super().__init__(text)
        self.may_have_acted = may_have_acted


class OutOfTime(Transient):
    """The call was not begun, because the look that it belongs to has had its time."""

    def __init__(self, text: str) -> None:
        super().__init__(text, may_have_acted=False)


class NotStarted(Transient):
    """A launch surely started no container, so that the same run may be launched again."""

    def __init__(self, text: str) -> None:
        super().__init__(text, may_have_acted=False)


class Final(MetronomeError):
    """The cluster refused the call, and would refuse the same call again."""


class NotFound(Final):
    """Metronome knows no such job or run, or the account may not view it."""


class Conflict(Final):
    """The job exists already, or has runs that are not over."""


class BadJob(Final):
    """A job definition that the cluster would refuse."""

    def __init__(self, what: str, faults: list[str]) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"{what} can't be used:{listed}\nCorrect it and launch the run again.")
