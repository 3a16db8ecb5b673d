"""A Metronome job definition as a value, made from configuration and a run's tags, and written as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator

from .errors import BadJob

TAG = "metronome/"
OPERATORS = ("IS", "EQ", "LIKE", "UNLIKE")
OLDEST = (0, 6, 33)
"""The oldest version of Metronome that this package is made for."""
NETWORKS_SINCE = (0, 6, 42)
"""The first version of Metronome whose schema knows `networks`."""


@dataclass(frozen=True)
class Constraint:
    """Where a job may run. It always has a value, because Metronome ignores a constraint without one."""

    attribute: str
    operator: str
    value: str


@dataclass(frozen=True)
class JobDefinition:
    """What one container needs. CPUs and GPUs are counts, memory and disk are in MB, times are in seconds.

    secrets : variable of the environment -> path in the secret store; the value never passes through here
    volumes, artifacts, networks : as Metronome's API writes them
    """

    id: str
    image: str
    args: tuple[str, ...] = ()
    cpus: float = 4.0
    mem: float = 32768.0
    gpus: int = 0
    disk: float = 0.0
    force_pull: bool = True
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    artifacts: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()
    networks: tuple[Mapping[str, Any], ...] = ()
    user: str | None = None
    kill_grace_s: float | None = None

    def with_tags(self, tags: Mapping[str, str]) -> "JobDefinition":
        """This job, changed by the tags `metronome/cpus|mem|gpus|image|constraints` of a run, once they are allowed.

        The tag constraints is a list in JSON, `[["rack", "LIKE", "a.*"]]`. Raises BadJob, which lists every bad tag.
        """
        faults: list[str] = []
        changes: dict[str, Any] = {}
        for name, read in (("cpus", _number), ("mem", _number), ("gpus", int), ("constraints", _constraints)):
            if (text := tags.get(TAG + name)) is not None:
                try:
                    changes[name] = read(text)
                except ValueError:
                    wanted = 'a list such as [["rack", "LIKE", "a.*"]]' if name == "constraints" else "a number"
                    faults.append(f"{TAG}{name}={text}: {wanted} was expected")
        if faults:
            raise BadJob("A tag of the run", faults)
        if image := tags.get(TAG + "image"):
            changes["image"] = image
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """The body of POST /v1/jobs. Never restarted by Metronome: retries are Dagster's alone."""
        run: dict[str, Any] = {
            "cpus": self.cpus,
            "mem": self.mem,
            "gpus": self.gpus,
            "disk": self.disk,
            "args": list(self.args),
            "ucr": {"image": {"id": self.image, "kind": "docker", "forcePull": self.force_pull}},
            "env": {**self.env, **{variable: {"secret": variable.lower()} for variable in self.secrets}},
            "secrets": {variable.lower(): {"source": source} for variable, source in self.secrets.items()},
            "placement": {"constraints": [asdict(constraint) for constraint in self.constraints]},
            "artifacts": [dict(artifact) for artifact in self.artifacts],
            "volumes": [dict(volume) for volume in self.volumes],
            "restart": {"policy": "NEVER"},
        }
        if self.networks:
            run["networks"] = [dict(network) for network in self.networks]
        if self.user:
            run["user"] = self.user
        if self.kill_grace_s is not None:
            run["taskKillGracePeriodSeconds"] = self.kill_grace_s
        return {"id": self.id, "labels": dict(self.labels), "run": run}


def constraints(rows: Any) -> tuple[Constraint, ...]:
    """The constraints of rows [attribute, operator, value]. Raises ValueError when a row is anything else."""
    match rows:
        case list() if all(
            isinstance(row, list)
            and len(row) == 3
            and all(isinstance(part, str) for part in row)
            and row[1] in OPERATORS
            for row in rows
        ):
            return tuple(Constraint(*row) for row in rows)
    raise ValueError(rows)


def job_id(prefix: str, run_id: str) -> str:
    """The id of a Dagster run's job, which is always the same, so that a repeated launch finds the job."""
    return f"{prefix}.{run_id}"


def check(body: Mapping[str, Any], version: tuple[int, ...] = OLDEST) -> None:
    """Raises BadJob with everything in `body` that Metronome of this version would refuse."""
    errors = sorted(_validator(version >= NETWORKS_SINCE).iter_errors(body), key=lambda error: list(error.path))
    # A fault's message quotes the value, which may be a secret of the environment: only its place and rule are named.
    faults = [
        f"/{'/'.join(map(str, error.path))}: "
        + (f"{error.validator} {error.validator_value}" if "env" in error.path else error.message)
        for error in errors
    ]
    run = body.get("run", {})
    if not errors and run.get("gpus") and "docker" in run:
        faults.append("/run/gpus: GPUs need the ucr containerizer")
    if faults:
        raise BadJob(f"The job definition {body.get('id')}", faults)


@cache
def _validator(has_networks: bool) -> Draft4Validator:
    """A validator of Metronome's own schema, which before 0.6.42 had no dependencies, schedules and networks."""
    schema = json.loads((files(__package__) / "jobspec.schema.json").read_text(encoding="utf-8"))
    if not has_networks:
        del schema["properties"]["dependencies"], schema["properties"]["schedules"]
        del schema["properties"]["run"]["properties"]["networks"]
    return Draft4Validator(schema)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _constraints(text: str) -> tuple[Constraint, ...]:
    return constraints(json.loads(text))
