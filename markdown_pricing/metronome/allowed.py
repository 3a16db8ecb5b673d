"""Which tags of a run may shape its container, and which images may run: what an operator has allowed, and no more.

Whoever reaches Dagster's page can give a run tags, and its container holds the secrets of the ERP and of Dagster.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import dagster as dg
from pydantic import Field

from .errors import BadJob
from .job import TAG

JOB_TAG, LEFT_TAG = f"{TAG}job", f"{TAG}left"
"""Tags that the launcher gives a run itself, and that shape no container. The first names the run's job, and a retry
inherits it. The second names the last launch that surely started nothing but may have left its job behind."""
OWN = {JOB_TAG, LEFT_TAG}
IMAGE_TAG = f"{TAG}image"


@runtime_checkable
class GivesTags(Protocol):
    """A queue whose own configuration gives runs tags, and which can say afterwards what it gave."""

    def tags_given(self, run_tags: Mapping[str, str]) -> Mapping[str, str]:
        """What the configuration gives a run that has these tags."""


class AllowLists(dg.Config):
    """What users may ask for. What the queue's own configuration gives a run needs no listing here."""

    allowed_tags: list[str] = Field(
        default=[f"{TAG}cpus", f"{TAG}mem", f"{TAG}gpus"],
        description="The tags that users may give a run. A run with any other of this launcher's tags fails.",
    )
    allowed_images: list[str] | None = Field(
        default=None, description="The images that may run; without it the launcher's, or the code location's."
    )

    def check(self, tags: Mapping[str, str], given: Mapping[str, str], image: str | None, location: str | None) -> None:
        """Raises BadJob, which lists everything in a run's tags, and the image, that nobody has allowed.

        given    : the tags that the queue's configuration gives this run
        image    : the launcher's own image
        location : the image of the code location, which runs where the launcher has none
        """
        asked = {name: value for name, value in tags.items() if name.startswith(TAG) and name not in OWN}
        asked = {name: value for name, value in asked.items() if given.get(name) != value}
        faults = [
            f"{name}: users may set {', '.join(self.allowed_tags) or 'none'}. "
            "An operator can add it to `allowed_tags`, or give it to a country in `tags_by_country`"
            for name in asked
            if name not in self.allowed_tags
        ]
        own = image or location
        runs = tags.get(IMAGE_TAG) or own
        images = [own] if self.allowed_images is None else [image, *self.allowed_images]
        from_operator = IMAGE_TAG in tags and IMAGE_TAG not in asked
        if runs and runs not in images and not from_operator:
            faults.append(f"the image {runs} is none that may run. An operator can add it to `allowed_images`")
        if faults:
            raise BadJob("A tag of the run, or its image,", faults)


def given_to(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Mapping[str, str]:
    """The tags that the queue's own configuration gives a run, where the queue can tell; users set all others."""
    queue = instance.run_coordinator
    return queue.tags_given(run.tags) if isinstance(queue, GivesTags) else {}
