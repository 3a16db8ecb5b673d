"""The origin of a result, kept with every file on the lake, so that an old week can be made again and explained."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from importlib.metadata import version
from typing import Any

from markdown_pricing import DATA, __version__

LIBRARIES = ("lightgbm", "numpy", "pandas", "pyarrow", "scipy")
EVERY_COUNTRY = "all"
"""In the place of a country: what is made of all of them."""
NOTHING_SHARED = "none"
"""In the place of a version: the countries share nothing."""


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from. Equal provenance means equal prices."""

    week: date
    country: str
    snapshot: str
    """The stamp of the delivered snapshot."""
    code: str
    libraries: str
    plan: str = ""
    """The stamp of what was planned for the country's weeks to come; empty where nothing was."""
    currencies: str = ""
    """The country's changes of currency, by which its prices were converted."""
    model_asked: str = ""
    """The demand model that was asked for. Where the country was stepped down, `demand_model` is another one."""
    demand_model: str = ""
    seed: int = 0
    rules: str = ""
    price_endings: str = ""
    shared_demand: str = ""
    """The version of what the countries share, or NOTHING_SHARED."""
    locks: str = ""
    """The version of the locks that hold in the week; empty without any."""
    arms: str = ""
    """The version of the arms of the country's cells in a comparison; empty without any."""
    model_grade: str = ""
    """The grade of the model; A is the country's own model. See demand/step_down.py."""
    model_of: str = ""
    """The week and version of a model that was fitted in an earlier week; empty for a model of this week."""

    def of(self, **made_with: str | int) -> "Provenance":
        """The same origin with the facts of a further step of the flow."""
        return replace(self, **made_with)  # type: ignore[arg-type]

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that stand for the whole origin."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def wanted(self) -> "Provenance":
        """Without what only the work itself finds out: the model that a country was stepped down to."""
        return replace(self, demand_model="", model_grade="", model_of="")

    def to_json(self) -> str:
        """The origin as JSON, its fields in the order of their names, so that equal ones are equal texts."""
        return json.dumps({**asdict(self), "week": self.week.isoformat()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """The origin that `to_json` has written."""
        return cls.of_facts(json.loads(text))

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Provenance":
        """The origin of these facts by name, as `to_json` has them. Raises KeyError, TypeError and ValueError.

        It does where a version has kept them that knew other facts.
        """
        return cls(**{**facts, "week": date.fromisoformat(facts["week"])})


def provenance(week: date, country: str, snapshot: str) -> Provenance:
    """The origin of what this code reads from a snapshot with the installed libraries."""
    libraries = " ".join(f"{name}-{version(name)}" for name in LIBRARIES)
    return Provenance(week, country, snapshot, code_version(), libraries)


@cache
def code_version() -> str:
    """The package's version and a digest of its source files."""
    digest = hashlib.sha256()
    for file in sorted(DATA.parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:8]}"
