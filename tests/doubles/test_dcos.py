"""The double answers as Metronome does: beside the examples that Metronome's own sources publish (examples/)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doubles.dcos import Dcos

EXAMPLES = Path(__file__).parent / "examples"
JOB = {"id": "a.b", "run": {"cpus": 0.1, "mem": 32, "disk": 0, "cmd": "exec sleep 60"}}


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


class Caller:
    """Knows HTTP and nothing of our client."""

    def __init__(self, dcos: Dcos) -> None:
        self._http = httpx.Client(base_url=dcos.url, verify=str(dcos.ca_file), trust_env=False)
        token = self._http.post("/acs/api/v1/auth/login", json={"uid": "robot", "password": "let-me-in"}).json()
        self._http.headers["Authorization"] = f"token={token['token']}"

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        response = self._http.request(method, f"/service/metronome{path}", json=body)
        return response.status_code, response.json()


@pytest.fixture
def dcos(tmp_path: Path) -> Iterator[Dcos]:
    with Dcos(tmp_path / "dcos") as dcos:
        yield dcos


@pytest.fixture
def call(dcos: Dcos) -> Caller:
    return Caller(dcos)


def covers(answer: Any, given: Any) -> bool:
    """Everything given is in the answer, which may hold more."""
    if isinstance(given, dict):
        return all(key in answer and covers(answer[key], value) for key, value in given.items())
    return bool(answer == given)


@pytest.mark.parametrize("name", ["job", "job_ucr", "job_secrets", "job_file_based_secrets"])
def test_the_published_job_definitions_are_taken_by_0_6_70(tmp_path: Path, name: str) -> None:
    with Dcos(tmp_path / "dcos", version="0.6.70") as dcos:
        status, answer = Caller(dcos)("POST", "/v1/jobs", example(name))

    assert status == 201, answer
    assert covers(answer, example(name))
    assert {"dependencies", "schedules"} <= answer.keys()


def test_0_6_33_knows_no_networks(call: Caller) -> None:
    status, answer = call("POST", "/v1/jobs", example("job"))

    assert status == 422
    assert {"/", "/run"} == {fault["path"] for fault in answer["details"]}


def test_a_run_has_the_published_form(call: Caller, dcos: Dcos) -> None:
    dcos.slots = 0
    call("POST", "/v1/jobs", JOB)
    status, run = call("POST", "/v1/jobs/a.b/runs", {})

    assert status == 201
    assert {key: type(value) for key, value in run.items()} == {k: type(v) for k, v in example("run").items()}
    assert call("GET", "/v1/jobs/a.b/runs") == (200, [run])
    assert call("GET", "/v1/queue") == (200, [{"jobId": "a.b", "runs": [{"runId": run["id"]}]}])
    assert example("queue_job_list")[0].keys() == {"jobId", "runs"}


def test_a_stopped_run_is_in_the_history_of_failures_and_the_history_dies_with_the_job(
    call: Caller, dcos: Dcos
) -> None:
    call("POST", "/v1/jobs", JOB)
    run_id = call("POST", "/v1/jobs/a.b/runs")[1]["id"]
    assert call("DELETE", "/v1/jobs/a.b")[0] == 409

    status, run = call("POST", f"/v1/jobs/a.b/runs/{run_id}/actions/stop")
    assert (status, run["status"]) == (200, "FAILED")
    dcos.wait_for(lambda: not dcos.alive("a.b"))
    history = call("GET", "/v1/jobs/a.b?embed=history")[1]["history"]
    assert [entry["id"] for entry in history["failedFinishedRuns"]] == [run_id]
    assert call("GET", f"/v1/jobs/a.b/runs/{run_id}")[0] == 404

    assert call("DELETE", "/v1/jobs/a.b")[0] == 200
    assert call("GET", "/v1/jobs/a.b?embed=history") == (404, {"id": "a.b", "message": "Job not found"})


@pytest.mark.parametrize(
    ("change", "path"),
    [({"mem": 16}, "/run/mem"), ({"env": {"A": 1}}, "/run/env/A"), ({"env": {"A": {"secret": "b"}}}, "/run/secrets")],
)
def test_a_definition_is_refused_with_the_place(call: Caller, change: dict[str, Any], path: str) -> None:
    status, answer = call("POST", "/v1/jobs", {**JOB, "run": {**JOB["run"], **change}})

    assert status == 422
    assert [fault["path"] for fault in answer["details"]] == [path]


def test_a_job_is_made_once(call: Caller) -> None:
    call("POST", "/v1/jobs", JOB)

    assert call("POST", "/v1/jobs", JOB) == (409, {"message": "Job with this id already exists"})
