"""What every container gets, as dagster.yaml says it."""

from typing import Any

import dagster as dg
from dagster._serdes import ConfigurableClassData
from pydantic import Field

from .errors import BadJob, Final
from .job import OPERATORS, JobDefinition, constraints
from .secret_texts import secrets_as_text


class Container(dg.Config):
    """What the container of a run gets. Those tags of a run win over it that `allowed_tags` lists."""

    image: str | None = Field(
        default=None, description="The image of the container. Without it the code location's image is used."
    )
    cpus: float = Field(default=JobDefinition.cpus, description="How many CPUs the container gets.")
    mem: float = Field(default=JobDefinition.mem, description="How much memory the container gets, in MB.")
    gpus: int = Field(default=JobDefinition.gpus, description="How many GPUs the container gets.")
    disk: float = Field(default=JobDefinition.disk, description="How much disk the container gets, in MB.")
    force_pull: bool = Field(default=True, description="Whether an agent always asks the registry for the image.")
    env: dict[str, str] = Field(default={}, description="Environment variables, which everybody may read: no secrets.")
    secrets: dict[str, str] = Field(default={}, description="For each variable its path in the secret store.")
    labels: dict[str, str] = Field(default={}, description="Labels of the job and of its task.")
    constraints: list[list[str]] = Field(
        default=[], description="[attribute, IS | EQ | LIKE | UNLIKE, value] for each."
    )
    artifacts: list[dict[str, Any]] = Field(default=[], description="Artifacts, as Metronome's API writes them.")
    volumes: list[dict[str, Any]] = Field(default=[], description="Volumes, as Metronome's API writes them.")
    networks: list[dict[str, Any]] = Field(default=[], description="Networks, which Metronome knows from 0.6.42 on.")
    user: str | None = Field(default=None, description="The user of the container; without it the image's.")
    kill_grace_s: float = Field(default=60.0, description="Seconds from a stop until the container is killed.")

    def definition(self, id: str, image: str, args: list[str], labels: dict[str, str]) -> JobDefinition:
        """The job definition of one run. Raises BadJob."""
        try:
            wanted = constraints(self.constraints)
        except ValueError as error:
            rule = f"constraints: {error}: [attribute, {' | '.join(OPERATORS)}, value] each was expected"
            raise BadJob("The launcher's configuration", [rule]) from None
        return JobDefinition(
            id=id,
            image=image,
            args=tuple(args),
            cpus=self.cpus,
            mem=self.mem,
            gpus=self.gpus,
            disk=self.disk,
            force_pull=self.force_pull,
            env=self.env,
            secrets=self.secrets,
            labels={**self.labels, **labels},
            constraints=wanted,
            artifacts=tuple(self.artifacts),
            volumes=tuple(self.volumes),
            networks=tuple(self.networks),
            user=self.user,
            kill_grace_s=self.kill_grace_s,
        )


def refuse_secrets_as_text(instance: dg.DagsterInstance, container: Container) -> None:
    """Raises Final when a job would hold a secret: in its environment, or in the arguments that hold dagster.yaml."""
    handed_on = {
        name.removesuffix("_data"): part.config_dict if isinstance(part, ConfigurableClassData) else part
        for name, part in instance.get_ref().to_dict().items()
    }
    places = [*secrets_as_text(handed_on), *secrets_as_text({"run_launcher": container.model_dump()})]
    if places:
        raise Final(
            f"dagster.yaml holds secrets that would stand as text in every job: {', '.join(dict.fromkeys(places))}. "
            "Give a container's variable in `secrets`, with its path in the secret store, and anything else as "
            "{env: NAME}."
        )
