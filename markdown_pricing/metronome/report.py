"""What people are told about a job: where its page is, how it is, and the last lines that its container wrote."""

from .client import Metronome
from .errors import Final, Transient
from .health import Seen

LAST_LINES = 25
"""Lines of a container's output that are shown with a run; chosen so that a traceback fits."""


def page(url: str, id: str) -> str:
    """The address of the job in the cluster's user interface."""
    return f"{url}/#/jobs/detail/{id}"


def describe(metronome: Metronome, id: str, seen: Seen) -> str:
    """Describe a job and its run for somebody who wants to know what happened."""
    lines = [f"Metronome job {id}: {seen}. {page(metronome.url, id)}"]
    for task in seen.tasks[-1:]:
        for name in ("stderr", "stdout"):
            try:
                text = metronome.last_lines(task, name, LAST_LINES)
            except (Final, Transient) as error:
                lines.append(f"{name} of {task} can't be had: {error}")
            else:
                lines.append(f"Last lines of {name} of {task}:\n{text}")
    return "\n".join(lines)
