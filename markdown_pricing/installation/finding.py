"""What a look at an installation finds, in a form that the command line and Dagster's page can show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a round needs. `says` how it is, and what to do when it is not ok."""

    what: str
    ok: bool
    says: str = ""
