"""DC/OS at the wire: Admin Router, IAM and Metronome 0.6.33 or 0.6.70, whose jobs run as processes of this machine.

It keeps what makes Metronome hard to use: a run leaves the list of runs before its history knows it, a stop answers
before the process is dead, a job deleted takes its history along, and an answer can be lost after the work was done.
"""

import copy
import fnmatch
import json
import os
import random
import signal
import ssl
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jsonschema import Draft4Validator

PREFIX = "/service/metronome"
DEFAULTS = {
    "gpus": 0,
    "env": {},
    "placement": {"constraints": []},
    "artifacts": [],
    "maxLaunchDelay": 3600,
    "volumes": [],
    "restart": {"policy": "NEVER"},
    "secrets": {},
}
OF_THIS_MACHINE = ("PATH", "HOME", "PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
OF_ITS_BLAS = "OPENBLAS_"
"""What containers take over, because they are processes of this machine and share its cores with the tests: these, and
all that OpenBLAS reads, whose kernels for another processor add up in another order."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next `times` calls that match; `call` is "METHOD /path" with * for anything.

    status None cuts the connection; done: the call takes effect before its answer is lost
    """

    call: str
    status: int | None = None
    done: bool = False
    times: int = 1


@dataclass
class Run:
    id: str
    job_id: str
    spec: dict[str, Any]
    created: str
    status: str = "INITIAL"
    process: subprocess.Popen[bytes] | None = None
    task: str | None = None

    def to_json(self) -> dict[str, Any]:
        task = {"id": self.task, "startedAt": self.created, "status": "TASK_RUNNING"}
        return {
            "id": self.id,
            "jobId": self.job_id,
            "status": self.status,
            "createdAt": self.created,
            "completedAt": _now() if self.status in ("SUCCESS", "FAILED") else None,
            "tasks": [task] if self.task else [],
        }


@dataclass
class Job:
    body: dict[str, Any]
    runs: dict[str, Run] = field(default_factory=dict)
    history: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"successfulFinishedRuns": [], "failedFinishedRuns": []}
    )


class Dcos:
    """`with Dcos(folder) as dcos:`; `slots` is the room of the cluster, `keeps_history` False the gap that stays."""

    def __init__(
        self, folder: Path, slots: int = 10, images: tuple[str, ...] | None = None, version: str = "0.6.33"
    ) -> None:
        self.folder = folder
        self.images = images
        self.version = version
        self.secrets: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.token_life_s = 3600.0
        self.jobs: dict[str, Job] = {}
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.most_alive: dict[str, int] = {}
        self.most_alive_at_once = 0
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._faults: list[Fault] = []
        self._held: dict[str, tuple[Event, Event]] = {}
        self._tokens = 0
        self._valid_from = 0
        self._changed = Condition()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ca_file = folder / "ca.pem"
        self.heal(slots)

    # A test's hand on the world

    def fail(self, *faults: Fault) -> None:
        with self._changed:
            self._faults += faults

    def heal(self, slots: int = 10) -> None:
        """All is as on a good day."""
        with self._changed:
            self._faults.clear()
            self.users = {"robot": "let-me-in"}
            self.forbidden: set[str] = set()
            self.refuses: dict[str, Any] | None = None
            self.hidden = False
            self.keeps_history = True
            self.forgets_runs = False
            self.kill_grace_s = 1.0
            self.slots = slots
            self._fill()

    def revoke_tokens(self) -> None:
        with self._changed:
            self._valid_from = self._tokens + 1

    @contextmanager
    def holding(self, call: str) -> Iterator[Event]:
        """Calls that match wait until the block ends; the Event is set when the first has arrived."""
        arrived, go = Event(), Event()
        self._held[call] = (arrived, go)
        try:
            yield arrived
        finally:
            del self._held[call]
            go.set()

    def wait_for(self, true: Callable[[], bool], timeout_s: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(true, timeout_s), "it did not happen in time"

    def alive(self, job_id: str) -> list[int]:
        """Process ids of the job's containers that have not ended, wherever Metronome thinks that they are."""
        return [process.pid for process in self._processes.get(job_id, []) if process.poll() is None]

    def all_alive(self) -> list[int]:
        return [pid for job_id in self._processes for pid in self.alive(job_id)]

    @property
    def fails(self) -> bool:
        return bool(self._faults)

    def run_of(self, job_id: str) -> Run:
        return next(iter(self.jobs[job_id].runs.values()))

    def lose_agent(self, job_id: str) -> None:
        """The run fails at once, its process lives on."""
        with self._changed:
            self._over(self.run_of(job_id), "FAILED")

    def vanish(self, job_id: str) -> None:
        """The run is gone from the runs and never comes to the history; so is its process."""
        with self._changed:
            run = self.jobs[job_id].runs.popitem()[1]
            _kill(run, signal.SIGKILL)

    def restart(self) -> None:
        """Metronome comes back: what waited is shown as STARTING; containers went on."""
        with self._changed:
            for job in self.jobs.values():
                for run in job.runs.values():
                    run.status = "STARTING" if run.status == "INITIAL" else run.status

    def make_room(self, slots: int) -> None:
        with self._changed:
            self.slots = slots
            self._fill()

    # Its life

    def __enter__(self) -> "Dcos":
        self.folder.mkdir(parents=True, exist_ok=True)
        server = _Server(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate())
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{server.server_port}"
        self._server = server
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._changed:
            self.slots = 0
            for processes in self._processes.values():
                for process in processes:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    def _certificate(self) -> Path:
        """Of a certificate authority that is its own server, for 127.0.0.1; returns the file with the key."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "double of DC/OS")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        ).public_bytes(serialization.Encoding.PEM)
        self.ca_file.write_bytes(certificate)
        server_file = self.folder / "server.pem"
        server_file.write_bytes(certificate + self._private_key())
        return server_file

    def _private_key(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    # Admin Router

    def answer(self, method: str, path: str, query: dict[str, list[str]], token: str, body: bytes) -> "Answer | None":
        """The answer to one request; None cuts the connection."""
        call = f"{method} {path.removeprefix(PREFIX)}"
        with self._changed:
            self.requests.append(call)
            fault = next((fault for fault in self._faults if fnmatch.fnmatch(call, fault.call)), None)
            if fault:
                self._faults.remove(fault)
                if fault.times > 1:
                    self._faults.insert(0, Fault(fault.call, fault.status, fault.done, fault.times - 1))
            self._changed.notify_all()
        for pattern, (arrived, go) in list(self._held.items()):
            if fnmatch.fnmatch(call, pattern):
                arrived.set()
                go.wait(60)
        if fault is None or fault.done:
            with self._changed:
                given = self._route(method, path, query, token, body)
                self._changed.notify_all()
            if fault is None:
                return given
        return None if fault.status is None else Answer(fault.status, f"<html>{fault.status}</html>")

    def _route(self, method: str, path: str, query: dict[str, list[str]], token: str, body: bytes) -> "Answer":
        if path == "/acs/api/v1/auth/login":
            return self._login(json.loads(body))
        uid = self._uid(token)
        if uid is None:
            return Answer(401, "<html>401 Authorization Required</html>")
        if uid in self.forbidden:
            return Answer(403, "<html>403 Forbidden</html>")
        if path.startswith("/system/v1/logs/v2/task/"):
            task, _, name = path.removeprefix("/system/v1/logs/v2/task/").partition("/file/")
            file = self.folder / task / name
            lines = file.read_text().splitlines() if file.exists() else []
            return Answer(200, "\n".join(lines[int(query["skip"][0]) :])) if lines else Answer(404, "not found")
        if not path.startswith(PREFIX):
            return Answer(404, "404 Not Found: service not found.")
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        return self._metronome(method, parts, query, json.loads(body) if body else None)

    def _login(self, credentials: dict[str, str]) -> "Answer":
        uid = credentials["uid"]
        good = "password" in credentials and self.users.get(uid) == credentials["password"]
        if uid in self.keys and "token" in credentials:
            with suppress(jwt.PyJWTError):
                good = jwt.decode(credentials["token"], self.keys[uid], algorithms=["RS256"])["uid"] == uid
        if not good:
            return Answer(401, {"title": "Unauthorized", "description": "", "code": "ERR_INVALID_CREDENTIALS"})
        self._tokens += 1
        claims = {"uid": uid, "exp": time.time() + self.token_life_s, "number": self._tokens}
        return Answer(200, {"token": jwt.encode(claims, self._private_key(), algorithm="RS256")})

    def _uid(self, token: str) -> str | None:
        try:
            claims = jwt.decode(token.removeprefix("token="), self._key.public_key(), algorithms=["RS256"])
        except jwt.PyJWTError:
            return None
        return str(claims["uid"]) if claims["number"] >= self._valid_from else None

    # Metronome

    def _metronome(self, method: str, parts: list[str], query: dict[str, list[str]], body: Any) -> "Answer":
        match method, parts:
            case "GET", ["info"]:
                return Answer(200, {"version": self.version, "libVersion": self.version, "config": {}})
            case "GET", ["v1", "queue"]:
                waiting = {id: [r.id for r in job.runs.values() if r.task is None] for id, job in self.jobs.items()}
                return Answer(
                    200, [{"jobId": i, "runs": [{"runId": r} for r in runs]} for i, runs in waiting.items() if runs]
                )
            case "GET", ["v1", "jobs"]:
                return Answer(200, [] if self.hidden else [self._job(job, query) for job in self.jobs.values()])
            case "POST", ["v1", "jobs"]:
                return self._create(body)
        job = self.jobs.get(parts[2]) if parts[:2] == ["v1", "jobs"] and len(parts) > 2 else None
        if parts[:2] != ["v1", "jobs"]:
            return Answer(404, {"message": "Unknown route.", "requestPath": "/" + "/".join(parts)})
        if (job is None or self.hidden) and method == "GET" and parts[3:] == ["runs"] and not self._is_later:
            return Answer(200, [])
        if job is None or self.hidden:
            return Answer(404, {"id": parts[2], "message": "Job not found"})
        match method, parts[3:]:
            case "GET", []:
                return Answer(200, self._job(job, query))
            case "DELETE", []:
                if job.runs and query.get("stopCurrentJobRuns") != ["true"]:
                    text = "There are active job runs. Override with stopCurrentJobRuns=true"
                    return Answer(409, {"message": text})
                for run in list(job.runs.values()):
                    self._stop(run)
                return Answer(200, self.jobs.pop(parts[2]).body)
            case "GET", ["runs"]:
                return Answer(200, [run.to_json() for run in job.runs.values()])
            case "POST", ["runs"]:
                return self._start(job)
            case "GET", ["runs", run_id] if run_id in job.runs:
                return Answer(200, job.runs[run_id].to_json())
            case "POST", ["runs", run_id, "actions", "stop"] if run_id in job.runs:
                run = job.runs[run_id]
                self._stop(run)
                return Answer(200, run.to_json())
        return Answer(404, {"jobSpec": parts[2], "id": parts[-1], "message": "Job Run not found"})

    def _create(self, body: Any) -> "Answer":
        self.bodies.append(body)
        faults = [
            {"path": "/" + "/".join(map(str, error.path)), "errors": [error.message]}
            for error in _schema(self._is_later).iter_errors(body)
        ]
        if not faults and set(body["run"].get("secrets", {})) != _used_secrets(body["run"]):
            faults = [{"path": "/run/secrets", "errors": ["Secret names are missing or unused"]}]
        if self.refuses:
            faults = [self.refuses]
        if faults:
            return Answer(422, {"message": "Object is not valid", "details": faults})
        if body["id"] in self.jobs:
            return Answer(409, {"message": "Job with this id already exists"})
        full = copy.deepcopy({"labels": {}, **body, "run": {**DEFAULTS, **body["run"]}})
        if self._is_later:
            full = {"dependencies": [], "schedules": [], **full, "run": {"networks": [], **full["run"]}}
        self.jobs[body["id"]] = Job(full)
        return Answer(201, full)

    @property
    def _is_later(self) -> bool:
        """Than 0.6.33."""
        return self.version != "0.6.33"

    def _job(self, job: Job, query: dict[str, list[str]]) -> dict[str, Any]:
        embed = query.get("embed", [])
        answer = dict(job.body)
        if "activeRuns" in embed:
            answer["activeRuns"] = [run.to_json() for run in job.runs.values()]
        if "history" in embed:
            good, bad = job.history["successfulFinishedRuns"], job.history["failedFinishedRuns"]
            answer["history"] = {"successCount": len(good), "failureCount": len(bad), **job.history}
        return answer

    def _start(self, job: Job) -> "Answer":
        id = datetime.now().strftime("%Y%m%d%H%M%S") + "".join(random.choices(string.ascii_letters, k=5))
        run = Run(id, job.body["id"], copy.deepcopy(job.body["run"]), _now())
        answer = Answer(201, run.to_json())
        if not self.forgets_runs:
            job.runs[id] = run
            self._fill()
        return answer

    def _fill(self) -> None:
        """Containers for the runs that wait, as far as there is room."""
        for job in list(self.jobs.values()):
            for run in list(job.runs.values()):
                # What was stopped takes its room until its process is dead.
                if run.process is None and len(self.all_alive()) < self.slots:
                    self._contain(run)

    def _contain(self, run: Run) -> None:
        run.task = f"{run.job_id.replace('.', '_')}_{run.id}.1"
        if self.images is not None and run.spec["ucr"]["image"]["id"] not in self.images:
            self._over(run, "FAILED")
            return
        sandbox = self.folder / run.task
        sandbox.mkdir(parents=True)
        sources = {name: self.secrets[secret["source"]] for name, secret in run.spec["secrets"].items()}
        env = {k: v if isinstance(v, str) else sources[v["secret"]] for k, v in run.spec["env"].items()}
        taken_over = (key for key in os.environ if key in OF_THIS_MACHINE or key.startswith(OF_ITS_BLAS))
        base = {key: os.environ[key] for key in taken_over}
        with open(sandbox / "stdout", "wb") as out, open(sandbox / "stderr", "wb") as err:
            try:
                run.process = subprocess.Popen(
                    run.spec.get("args") or ["/bin/sh", "-c", run.spec["cmd"]],
                    cwd=sandbox,
                    env={**base, "MESOS_SANDBOX": str(sandbox), **env},
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                err.write(f"{error}\n".encode())
        if run.process is None:
            self._over(run, "FAILED")
            return
        run.status = "ACTIVE"
        self._processes.setdefault(run.job_id, []).append(run.process)
        self.most_alive[run.job_id] = max(self.most_alive.get(run.job_id, 0), len(self.alive(run.job_id)))
        self.most_alive_at_once = max(self.most_alive_at_once, len(self.all_alive()))
        Thread(target=self._await, args=(run,), daemon=True).start()

    def _await(self, run: Run) -> None:
        assert run.process is not None
        code = run.process.wait()
        with self._changed:
            self._over(run, "FAILED" if code else "SUCCESS")
            self._changed.notify_all()

    def _over(self, run: Run, status: str) -> None:
        job = self.jobs.get(run.job_id)
        if run.status not in ("SUCCESS", "FAILED"):
            run.status = status
        if job and job.runs.pop(run.id, None) and self.keeps_history:
            entry = {
                "id": run.id,
                "createdAt": run.created,
                "finishedAt": _now(),
                "tasks": [run.task] if run.task else [],
            }
            job.history["successfulFinishedRuns" if status == "SUCCESS" else "failedFinishedRuns"].insert(0, entry)
        self._fill()

    def _stop(self, run: Run) -> None:
        if run.process is not None:
            _kill(run, signal.SIGTERM)
            Thread(target=self._kill_later, args=(run,), daemon=True).start()
        self._over(run, "FAILED")

    def _kill_later(self, run: Run) -> None:
        assert run.process is not None
        try:
            run.process.wait(self.kill_grace_s)
        except subprocess.TimeoutExpired:
            _kill(run, signal.SIGKILL)


@dataclass(frozen=True)
class Answer:
    """A str is sent as HTML, anything else as JSON."""

    status: int
    body: Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed, or that did not trust us, is no fault of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(dcos: Dcos) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "")
            answer = dcos.answer(self.command, url.path, parse_qs(url.query), token, body)
            self.close_connection = True
            if answer is None:
                self.connection.close()
                return
            is_html = isinstance(answer.body, str)
            content = (answer.body if is_html else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if is_html else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_: Any) -> None:
            """Nothing: a test's output is its own."""

    return Handler


def _used_secrets(run: dict[str, Any]) -> set[str]:
    places = [*run.get("env", {}).values(), *run.get("volumes", [])]
    return {place["secret"] for place in places if isinstance(place, dict) and "secret" in place}


def _kill(run: Run, number: int) -> None:
    if run.process is not None:
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, number)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@cache
def _schema(is_later: bool) -> Draft4Validator:
    """The official one; 0.6.33 knows neither dependencies nor networks."""
    schema = json.loads((files("markdown_pricing.metronome") / "jobspec.schema.json").read_text())
    if not is_later:
        del schema["properties"]["dependencies"], schema["properties"]["schedules"]
        del schema["properties"]["run"]["properties"]["networks"]
    return Draft4Validator(schema)
