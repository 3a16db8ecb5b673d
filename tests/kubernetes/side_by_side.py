"""Writes docs/side-by-side.md: one Dagster run as a Metronome job and as a Kubernetes Job, both real objects."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.doubles.dcos import Dcos
from tests.kubernetes.cluster import Cluster, api_server
from tests.kubernetes.conftest import PROJECT, apply_everything
from tests.kubernetes.launching import job_of, launch, new_run, on_kubernetes, on_metronome, settings

PAGE = PROJECT / "docs" / "side-by-side.md"
RUN_ID = "4c1d3a52-0000-4000-8000-2026020900de"
OF_THE_SERVER = ("uid", "creationTimestamp", "managedFields", "resourceVersion", "generation", "annotations")
"""What the API server adds to every object."""
HEAD = """# One run, on Metronome and on Kubernetes

Both launchers launch the same Dagster run of DEU with the `dagster.yaml` files of this package.
`python -m tests.kubernetes.side_by_side` writes this page from the job that Metronome was sent and the Job that the API
server kept. It leaves out what the API server adds to every object, and the instance in the worker's argument (`…`),
which is the launcher's own `dagster.yaml`. One test compares this page with new objects, and another one compares what
the two workers are given.

| what the worker is given | Metronome | Kubernetes |
|---|---|---|
"""


def page(folder: Path, cluster: Cluster) -> str:
    with (
        Dcos(folder / "dcos", slots=0) as dcos,
        on_kubernetes(folder / "kubernetes", cluster) as kubernetes,
        on_metronome(folder / "metronome", dcos) as metronome,
    ):
        run = new_run(kubernetes, run_id=RUN_ID)
        launch(kubernetes, run)
        launch(metronome, run)
        [body] = dcos.bodies
        job = job_of(cluster, run)
    rows = "".join(f"| {what} | {on_dcos} | {here} |\n" for what, on_dcos, here in _rows(body, job))
    body["labels"]["dagster-launch"] = "…"
    return (
        f"{HEAD}{rows}\n## Metronome\n\n```yaml\n{_text(body)}```\n\n## Kubernetes\n\n```yaml\n{_text(_ours(job))}```\n"
    )


def _rows(body: dict[str, Any], job: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    run, pod = body["run"], job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    secrets = [name for name, value in run["env"].items() if isinstance(value, dict)]
    sources = ", ".join(f"{kind} `{source['name']}`" for each in container["envFrom"] for kind, source in each.items())
    yield "image", f"`{run['ucr']['image']['id']}`", f"`{container['image']}`"
    yield "command", *(f"`{' '.join(args[:3])} …`" for args in (run["args"], container["args"]))
    yield "CPUs", run["cpus"], container["resources"]["requests"]["cpu"]
    yield "memory", f"{run['mem']:.0f} MiB", container["resources"]["limits"]["memory"]
    yield "settings", f"`env`, {len(settings())} by value", sources
    yield "secrets", "`env`, by path: " + ", ".join(f"`{name}`" for name in secrets), "in the same secret, by name"
    yield "run id", "label `dagster-run`", "label `dagster/run-id`"
    yield "again when it fails", f"`restart.policy: {run['restart']['policy']}`", "`backoffLimit: 0`"


def _ours(job: dict[str, Any]) -> dict[str, Any]:
    kept = {"apiVersion": "batch/v1", "kind": "Job", **{name: value for name, value in job.items() if name != "status"}}
    kept["metadata"] = {name: value for name, value in job["metadata"].items() if name not in OF_THE_SERVER}
    spec = dict(kept["spec"])
    spec.pop("selector")
    labels = spec["template"]["metadata"]["labels"]
    for name in [name for name in labels if "controller-uid" in name]:
        del labels[name]
    return {**kept, "spec": spec}


def _text(thing: dict[str, Any]) -> str:
    for args in _args(thing):
        args[-1] = json.dumps({**json.loads(args[-1]), "instance_ref": "…"}, ensure_ascii=False)
    return str(yaml.safe_dump(thing, sort_keys=False, allow_unicode=True, width=10_000))


def _args(thing: Any) -> Iterator[list[str]]:
    if isinstance(thing, dict):
        for name, value in thing.items():
            if name == "args":
                yield value
            yield from _args(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _args(value)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, api_server() as server:
        apply_everything(server)
        PAGE.write_text(page(Path(name), server))
