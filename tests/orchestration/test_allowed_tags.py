"""Nobody gets another container than an operator has allowed, whatever tag a run has, and wherever it comes from."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.ref import InstanceRef
from dagster._core.instance.types import InstanceType
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage

from markdown_pricing import DATA
from markdown_pricing.metronome.allowed import AllowLists
from markdown_pricing.metronome.errors import BadJob
from markdown_pricing.orchestration.coordinator import PricingRunCoordinator, forbidden_fields
from markdown_pricing.orchestration.names import COUNTRY_TAG, MEASURED_TAG

IMAGE, OTHER_IMAGE = "pricing:1", "pricing:gpu"
K8S = "dagster-k8s/config"
CONSTRAINTS = '[["rack", "IS", "a"]]'
FOR_USERS = {"metronome/cpus": "2", "metronome/mem": "4096", "metronome/gpus": "1"}
FOR_OPERATORS = {"metronome/image": OTHER_IMAGE, "metronome/constraints": CONSTRAINTS}
UNKNOWN = {"metronome/cmd": "sh", "metronome/memory": "1"}
FIELDS_FOR_OPERATORS: Mapping[str, Any] = {
    "container_config": {"image": OTHER_IMAGE},
    "pod_spec_config": {"node_selector": {"accelerator": "nvidia"}},
}
FORBIDDEN_FIELDS: list[dict[str, Any]] = [
    {"container_config": {"image": "evil:1"}},
    {"container_config": {"image": "evil:1", "resources": {"limits": {"memory": "1Gi"}}}},
    {"container_config": {"env": [{"name": "LD_PRELOAD", "value": "/evil.so"}]}},
    {"container_config": {"command": ["sh"], "args": ["-c", "env"]}},
    {"container_config": {"security_context": {"privileged": True}}},
    {"container_config": {"volume_mounts": [{"name": "host", "mount_path": "/host"}]}},
    {"pod_spec_config": {"node_selector": {"accelerator": "nvidia"}}},
    {"pod_spec_config": {"service_account_name": "dagster", "automount_service_account_token": True}},
    {"pod_spec_config": {"containers": [{"name": "evil", "image": "evil:1"}]}},
    {"pod_template_spec_metadata": {"labels": {"app": "web-server"}}},
    {"job_metadata": {"name": "other"}},
    {"job_spec_config": {"backoff_limit": 9}},
    {"job_config": {"job_image": "evil:1"}},
]
RESOURCES = {"container_config": {"resources": {"limits": {"memory": "64Gi"}}}}

SOURCES = ("who starts it", "its job", "the run that it repeats")


@dataclass(frozen=True)
class Site:
    """A Dagster whose queue is ours."""

    instance: dg.DagsterInstance

    def submit(self, tags: Mapping[str, str], source: str = SOURCES[0], country: str = "AUT") -> dg.DagsterRun:
        @dg.job(tags=dict(tags) if source == "its job" else None)
        def pricing() -> None: ...

        own = {COUNTRY_TAG: country, **pricing.run_tags}
        by_hand = {**own, **tags} if source == "who starts it" else own
        run = self.instance.create_run_for_job(pricing, tags=by_hand, job_code_origin=ORIGIN)
        if source == "the run that it repeats":
            self.instance.add_run_tags(run.run_id, {**tags, "dagster/parent_run_id": "the first"})
        self.instance.run_coordinator.submit_run(SubmitRunContext(self._now(run), workspace=None))  # type: ignore[arg-type]
        return self._now(run)

    def on_metronome(self, run: dg.DagsterRun) -> dict[str, Any]:
        """The job's run, as Metronome would be sent it."""
        launcher: Any = self.instance.run_launcher
        body: dict[str, Any] = launcher._job(run, "launch").to_json()["run"]
        return body

    def on_kubernetes(self, run: dg.DagsterRun) -> dict[str, Any]:
        """What the pod is made of, as dagster-k8s would send it."""
        launcher: Any = self.instance.run_launcher
        config: dict[str, Any] = launcher.get_container_context_for_run(run).run_k8s_config.to_dict()
        return config

    def _now(self, run: dg.DagsterRun) -> dg.DagsterRun:
        now = self.instance.get_run_by_id(run.run_id)
        assert now is not None
        return now


POINTER = ModuleCodePointer("markdown_pricing.definitions", "defs")
ORIGIN = JobPythonOrigin("pricing", RepositoryPythonOrigin("python", POINTER, IMAGE, entry_point=["dagster"]))


@contextmanager
def installed(home: Path, launcher: Mapping[str, Any], for_deu: Mapping[str, Any]) -> Iterator[Site]:
    coordinator = {
        "module": PricingRunCoordinator.__module__,
        "class": "PricingRunCoordinator",
        "config": {"tags_by_country": {"DEU": dict(for_deu)}},
    }
    config = {"run_launcher": launcher, "run_coordinator": coordinator, "telemetry": {"enabled": False}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    ref = InstanceRef.from_dir(str(home))
    instance = dg.DagsterInstance(
        InstanceType.EPHEMERAL,
        local_artifact_storage=LocalArtifactStorage(str(home)),
        run_storage=InMemoryRunStorage(),
        event_storage=InMemoryEventLogStorage(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=ref.run_coordinator,
        run_launcher=ref.run_launcher,
        ref=ref,
    )
    # What the queue does with a run that passed needs a loaded code location, and is Dagster's.
    passed = patch.object(dg.QueuedRunCoordinator, "submit_run", lambda self, context: context.dagster_run)
    with passed, instance:
        yield Site(instance)


@pytest.fixture(scope="module")
def metronome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    cluster = {"url": "https://dcos.example.com", "image": IMAGE}
    launcher = {"module": "markdown_pricing.metronome", "class": "MetronomeRunLauncher", "config": cluster}
    with installed(tmp_path_factory.mktemp("metronome"), launcher, FOR_USERS | FOR_OPERATORS) as site:
        yield site


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The launcher that we hand out, which lists what DEU is given, too."""
    home = tmp_path_factory.mktemp("kubernetes")
    address = {"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}]}
    context = {"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c"}
    (home / "kubeconfig").write_text(yaml.safe_dump({**address, **context, "users": [{"name": "u", "user": {}}]}))
    launcher = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())["run_launcher"]
    launcher["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(home / "kubeconfig")}
    allowed = launcher["config"]["only_allow_user_defined_k8s_config_fields"]
    assert allowed == {"container_config": {"resources": True}}
    allowed["container_config"]["image"] = True
    allowed["pod_spec_config"] = {"node_selector": True}
    with installed(home, launcher, {K8S: FIELDS_FOR_OPERATORS}) as site:
        yield site


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("tag", FOR_OPERATORS | UNKNOWN)
def test_metronome_refuses_a_tag_that_only_an_operator_may_set(metronome: Site, tag: str, source: str) -> None:
    run = metronome.submit({tag: (FOR_OPERATORS | UNKNOWN)[tag]}, source)

    with pytest.raises(BadJob, match=f"{tag}: users may set metronome/cpus, metronome/mem, metronome/gpus"):
        metronome.on_metronome(run)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("tag", FOR_USERS)
def test_metronome_takes_a_tag_that_users_may_set(metronome: Site, tag: str, source: str) -> None:
    body = metronome.on_metronome(metronome.submit({tag: FOR_USERS[tag]}, source))

    assert float(body[tag.partition("/")[2]]) == float(FOR_USERS[tag])


def test_metronome_takes_what_an_operator_gives_a_country_and_its_retry(metronome: Site) -> None:
    first = metronome.submit({}, country="DEU")
    again = metronome.submit(first.tags, "the run that it repeats", country="DEU")
    for run in (first, again):
        body = metronome.on_metronome(run)

        assert body["ucr"]["image"]["id"] == OTHER_IMAGE
        assert body["placement"]["constraints"] == [{"attribute": "rack", "operator": "IS", "value": "a"}]


def test_what_one_country_is_given_another_may_not_take(metronome: Site) -> None:
    with pytest.raises(BadJob, match=r"metronome/image"):
        metronome.on_metronome(metronome.submit({"metronome/image": OTHER_IMAGE}, country="AUT"))
    with pytest.raises(BadJob, match=r"metronome/image"):
        metronome.on_metronome(metronome.submit({"metronome/image": "evil:1"}, country="DEU"))


def test_nobody_can_say_that_a_tag_was_measured(metronome: Site) -> None:
    run = metronome.submit({"metronome/image": "evil:1", MEASURED_TAG: "metronome/image"})

    assert run.tags[MEASURED_TAG] == ""
    with pytest.raises(BadJob, match=r"metronome/image"):
        metronome.on_metronome(run)


MEASURED = {"metronome/cpus": "1.5"}


@pytest.mark.parametrize(
    ("lists", "tags", "given", "allowed"),
    [
        ({}, {}, {}, True),
        ({"allowed_tags": []}, MEASURED, {}, False),
        ({"allowed_tags": []}, MEASURED, MEASURED, True),
        ({"allowed_tags": []}, MEASURED, {"metronome/cpus": "1"}, False),
        ({"allowed_tags": ["metronome/image"]}, {"metronome/image": "evil:1"}, {}, False),
        ({"allowed_tags": ["metronome/image"]}, {"metronome/image": IMAGE}, {}, True),
        (
            {"allowed_tags": ["metronome/image"], "allowed_images": [OTHER_IMAGE]},
            {"metronome/image": OTHER_IMAGE},
            {},
            True,
        ),
        ({"allowed_images": [OTHER_IMAGE]}, {"metronome/image": OTHER_IMAGE}, {}, False),
        ({}, {"metronome/job": "dagster.pricing.abc", "dagster/priority": "3"}, {}, True),
    ],
)
def test_an_operator_lists_what_users_may_ask_for(
    lists: dict[str, Any], tags: dict[str, str], given: dict[str, str], allowed: bool
) -> None:
    if allowed:
        AllowLists(**lists).check(tags, given, IMAGE, None)
    else:
        with pytest.raises(BadJob):
            AllowLists(**lists).check(tags, given, IMAGE, None)


def test_a_code_location_runs_no_image_that_is_not_listed() -> None:
    AllowLists().check({}, {}, None, "of-the-location:1")
    with pytest.raises(BadJob, match="the image of-the-location:1 is none that may run"):
        AllowLists(allowed_images=[IMAGE]).check({}, {}, None, "of-the-location:1")


@pytest.mark.parametrize("source", SOURCES)
def test_kubernetes_is_asked_for_nothing_but_cpus_and_memory(kubernetes: Site, source: str) -> None:
    """The queue fails the run with a sentence, for good, because the launcher can't know who set a listed field."""
    run = kubernetes.submit({K8S: json.dumps(FORBIDDEN_FIELDS[1])}, source)

    assert run.status is dg.DagsterRunStatus.FAILURE
    assert run.tags["dagster/max_retries"] == "0"
    told = "\n".join(entry.message or "" for entry in kubernetes.instance.all_logs(run.run_id))
    assert f"{K8S} may set container_config.resources of a run, and not container_config.image." in told


@pytest.mark.parametrize("asked", FORBIDDEN_FIELDS, ids=json.dumps)
def test_every_other_field_is_forbidden_unless_the_country_is_given_the_tag(asked: dict[str, Any]) -> None:
    tags = {COUNTRY_TAG: "DEU", K8S: json.dumps(asked)}

    assert forbidden_fields(tags, {})
    assert forbidden_fields(tags, {"DEU": {K8S: FIELDS_FOR_OPERATORS}})
    assert not forbidden_fields(tags, {"DEU": {K8S: asked}})
    assert forbidden_fields({**tags, COUNTRY_TAG: "AUT"}, {"DEU": {K8S: asked}})


@pytest.mark.parametrize("asked", FORBIDDEN_FIELDS[2:6] + FORBIDDEN_FIELDS[7:12], ids=json.dumps)
def test_the_launcher_itself_refuses_what_no_country_is_given(kubernetes: Site, asked: dict[str, Any]) -> None:
    """It does so whatever way the run came around the queue."""
    run = kubernetes.submit({})

    with pytest.raises(Exception, match="violated the allowed list"):
        kubernetes.on_kubernetes(run.with_tags({**run.tags, K8S: json.dumps(asked)}))


@pytest.mark.parametrize("source", SOURCES)
def test_kubernetes_takes_resources_from_anybody(kubernetes: Site, source: str) -> None:
    pod = kubernetes.on_kubernetes(kubernetes.submit({K8S: json.dumps(RESOURCES)}, source))

    assert pod["container_config"]["resources"]["limits"]["memory"] == "64Gi"


def test_kubernetes_takes_what_an_operator_gives_a_country_and_its_retry(kubernetes: Site) -> None:
    first = kubernetes.submit({}, country="DEU")
    again = kubernetes.submit(first.tags, "the run that it repeats", country="DEU")
    for run in (first, again):
        pod = kubernetes.on_kubernetes(run)

        assert pod["container_config"]["image"] == OTHER_IMAGE
        assert pod["pod_spec_config"]["node_selector"] == {"accelerator": "nvidia"}


@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"merge_behavior": "SHALLOW"}', '{"namespace": "other"}'])
def test_a_tag_that_is_no_object_of_objects_is_refused(text: str) -> None:
    assert forbidden_fields({K8S: text}, {})
