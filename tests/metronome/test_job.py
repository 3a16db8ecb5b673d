"""A job definition, as it is sent to Metronome."""

from dataclasses import replace

import pytest

from markdown_pricing.metronome.errors import BadJob
from markdown_pricing.metronome.job import Constraint, JobDefinition, check, job_id
from markdown_pricing.metronome.launcher import Container

RUN = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
JOB = JobDefinition(job_id("dagster.pricing", RUN), "registry/pricing:1", args=("true",))


def test_the_defaults_are_those_of_the_published_pipeline() -> None:
    run = JOB.to_json()["run"]

    assert (run["cpus"], run["mem"], run["gpus"], run["disk"]) == (4, 32768, 0, 0)
    assert run["ucr"] == {"image": {"id": "registry/pricing:1", "kind": "docker", "forcePull": True}}
    assert run["restart"] == {"policy": "NEVER"}
    check(JOB.to_json())


def test_the_tags_of_a_run_ask_for_more() -> None:
    tags = {
        "metronome/cpus": "0.5",
        "metronome/mem": "65536",
        "metronome/gpus": "1",
        "metronome/image": "registry/pricing:gpu",
        "metronome/constraints": '[["gpu", "IS", "h100"]]',
    }

    job = JOB.with_tags(tags)

    assert (job.cpus, job.mem, job.gpus, job.image) == (0.5, 65536, 1, "registry/pricing:gpu")
    assert job.constraints == (Constraint("gpu", "IS", "h100"),)
    check(job.to_json())


def test_every_bad_tag_is_named_at_once() -> None:
    tags = {"metronome/mem": "lots", "metronome/cpus": "nan", "metronome/gpus": "1.5", "metronome/constraints": "[1]"}

    with pytest.raises(BadJob) as caught:
        JOB.with_tags(tags)

    assert len(caught.value.faults) == 4
    assert "metronome/mem=lots" in str(caught.value)


def test_a_secret_goes_by_its_path_in_the_store() -> None:
    job = replace(JOB, secrets={"DB_PASSWORD": "pricing/db"}, env={"PLAIN": "said-to-nobody"})
    run = job.to_json()["run"]

    assert run["env"]["DB_PASSWORD"] == {"secret": "db_password"}
    assert run["secrets"] == {"db_password": {"source": "pricing/db"}}
    assert "said-to-nobody" not in repr(job)
    check(job.to_json())


def test_a_fault_in_the_environment_is_told_without_its_value() -> None:
    body = JOB.to_json()
    body["run"]["env"] = {"PIN": 12345}

    with pytest.raises(BadJob) as caught:
        check(body)

    assert "/run/env/PIN" in str(caught.value)
    assert "12345" not in str(caught.value)


def test_networks_are_refused_before_the_version_that_brought_them() -> None:
    body = replace(JOB, networks=({"mode": "host"},)).to_json()

    with pytest.raises(BadJob, match="networks"):
        check(body, (0, 6, 33))
    check(body, (0, 6, 70))


@pytest.mark.parametrize("job", [replace(JOB, id="Upper_Case"), replace(JOB, mem=16), replace(JOB, cpus=0)])
def test_what_the_cluster_would_refuse_is_not_sent(job: JobDefinition) -> None:
    with pytest.raises(BadJob):
        check(job.to_json())


@pytest.mark.parametrize("row", [["rack", "LIKE"], ["rack", "NEAR", "a"], [1, "IS", "a"]])
def test_a_bad_constraint_of_the_configuration_is_told(row: list[str]) -> None:
    with pytest.raises(BadJob, match="attribute, IS"):
        Container.model_construct(**{**Container().model_dump(), "constraints": [row]}).definition("a", "b", [], {})
