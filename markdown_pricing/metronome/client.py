"""Metronome's jobs and runs over HTTP. Every answer becomes a value, or a transient or a final error."""

import math
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from .errors import Conflict, Final, NotFound, OutOfTime, Transient
from .health import JobState, Seen, read_job

SERVICE_PATH = "/service/metronome"
LONGEST_QUOTE = 500
"""Characters of an answer that a message quotes; chosen so that it stays readable."""

Json = Any


class Metronome:
    """The client of one cluster, which threads may share.

    url : the cluster's address, before /service/metronome
    verify : trusts the cluster's CA; there is no way to switch verification off
    timeout_s : seconds that one call may take
    retry_s : seconds for which a call that may be repeated is repeated
    ends_s : the monotonic clock's time after which no call begins; a call then raises OutOfTime
    """

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None,
        verify: ssl.SSLContext,
        *,
        timeout_s: float = 30.0,
        retry_s: float = 30.0,
        ends_s: float = math.inf,
    ) -> None:
        self.url = url.rstrip("/")
        self._auth, self._verify, self._timeout_s, self._retry_s = auth, verify, timeout_s, retry_s
        # The environment's proxies and CA bundles would win over what is configured here.
        transport = _Punctual(httpx.HTTPTransport(verify=verify, trust_env=False), timeout_s, ends_s)
        self._http = httpx.Client(base_url=self.url, auth=auth, transport=transport, trust_env=False)

    @contextmanager
    def for_one_look(self, seconds: float) -> Iterator["Metronome"]:
        """The same cluster and login for a look that is repeated anyway: no call is repeated, and none begins later.

        A call for which no time is left raises OutOfTime. One that has begun ends at the latest when the `seconds`
        are over thrice: it may first wait for a connection, then send, then read for what was left of them.
        """
        ends_s = time.monotonic() + seconds
        look = Metronome(self.url, self._auth, self._verify, timeout_s=self._timeout_s, retry_s=0.0, ends_s=ends_s)
        try:
            yield look
        finally:
            look.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def version(self) -> tuple[int, ...]:
        """The version of Metronome, for example (0, 6, 33)."""
        text = self._call("GET", "/info", keys=("version",))["version"]
        return tuple(int(part) for part in text.split("-")[0].split(".") if part.isdigit())

    def jobs(self) -> list[Json]:
        """Every job that the account may view, without its runs."""
        return list(self._call("GET", "/v1/jobs", keys=("id",), many=True))

    def job(self, job_id: str) -> Json:
        """A job with its unfinished runs (`activeRuns`) and its finished ones (`history`). Raises NotFound."""
        return self._call("GET", f"/v1/jobs/{job_id}", params={"embed": ["activeRuns", "history"]}, keys=("id",))

    def look_at(self, job_id: str) -> Seen:
        """How the job's run is; unseen, too, when there is no such job."""
        try:
            return read_job(self.job(job_id))
        except NotFound:
            return Seen(JobState.UNSEEN)

    def create_job(self, body: Json) -> Json:
        """Create a job. Raises Conflict when this id exists, also when the answer to an earlier try was lost."""
        return self._call("POST", "/v1/jobs", body=body, keys=("id",))

    def delete_job(self, job_id: str, *, stop: bool = True) -> None:
        """Delete the job with its history. It is no error when there is no such job.

        stop : also stop its runs; without it a job that has runs is kept, and Conflict raised
        """
        try:
            self._call("DELETE", f"/v1/jobs/{job_id}", params={"stopCurrentJobRuns": "true" if stop else "false"})
        except NotFound:
            return

    def start_run(self, job_id: str) -> Json:
        """Start one run. It is not repeated once the cluster may have acted: after Transient, look at the job first."""
        return self._call("POST", f"/v1/jobs/{job_id}/runs", body={}, repeatable=False, keys=("id",))

    def stop_run(self, job_id: str, run_id: str) -> None:
        """Ask the run to end. Its process may live on for the kill grace. A run that is over already is no error."""
        try:
            self._call("POST", f"/v1/jobs/{job_id}/runs/{run_id}/actions/stop", body={})
        except NotFound:
            return

    def queue(self) -> dict[str, list[str]]:
        """The ids of the runs that wait for room in the cluster, by the id of their job."""
        entries = self._call("GET", "/v1/queue", keys=("jobId", "runs"), many=True)
        return {entry["jobId"]: [run["runId"] for run in entry["runs"]] for entry in entries}

    def last_lines(self, task_id: str, name: str, lines: int) -> str:
        """The last lines of a file (`stdout` or `stderr`) in the task's sandbox. Raises Final when it is gone."""
        path = f"/system/v1/logs/v2/task/{task_id}/file/{name}"
        params = {"cursor": "END", "skip": f"-{lines}"}
        return str(self._retried(lambda: self._read_text("GET", path, params), repeatable=False))

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Json = None,
        body: Json = None,
        repeatable: bool = True,
        keys: tuple[str, ...] = (),
        many: bool = False,
    ) -> Json:
        """keys, many : what is taken from the answer, or from each entry of the list that it then is."""
        path = SERVICE_PATH + path
        return self._retried(lambda: read(*self._send(method, path, params, body), keys, many), repeatable)

    def _retried(self, call: Callable[[], Json], repeatable: bool) -> Json:
        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, Transient) and (repeatable or not e.may_have_acted)),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            stop=stop_after_delay(self._retry_s),
            reraise=True,
        )
        return retrying(call)

    def _read_text(self, method: str, path: str, params: Json) -> str:
        where, response = self._send(method, path, params, None)
        if not response.is_success:
            raise Final(f"{where} answered {response.status_code}.")
        return response.text

    def _send(self, method: str, path: str, params: Json, body: Json) -> tuple[str, httpx.Response]:
        where = f"{method} {self.url}{path}"
        try:
            return where, self._http.request(method, path, params=params, json=body)
        except httpx.ConnectError as error:
            if isinstance(_root_cause(error), ssl.SSLCertVerificationError):
                raise Final(f"{where}: {error}. Give the CA of this cluster as `ca_file`.") from None
            raise Transient(
                f"{where}: no connection ({error}). Is the cluster up, and `url` right?", may_have_acted=False
            ) from None
        except httpx.ConnectTimeout:
            raise Transient(
                f"{where}: no connection in time. Is the cluster up, and `url` right?", may_have_acted=False
            ) from None
        except httpx.RequestError as error:
            raise Transient(f"{where}: the answer was lost ({type(error).__name__}: {error}).") from None


class _Punctual(httpx.BaseTransport):
    """Gives every request, that of a login too, at most so many seconds, and no more than there are until `ends_s`."""

    def __init__(self, transport: httpx.BaseTransport, timeout_s: float, ends_s: float) -> None:
        self._transport, self._timeout_s, self._ends_s = transport, timeout_s, ends_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left_s = min(self._timeout_s, self._ends_s - time.monotonic())
        if left_s <= 0:
            raise OutOfTime(f"{request.method} {request.url}: no time was left for it.")
        request.extensions = {**request.extensions, "timeout": httpx.Timeout(left_s).as_dict()}
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


def read(where: str, response: httpx.Response, keys: tuple[str, ...] = (), many: bool = False) -> Json:
    """The JSON of an answer. Raises Transient, or Final with the cluster's own text and what to do.

    At times a router answers instead of Metronome, in HTML or plain text, and also with a status of success. Only JSON
    comes from Metronome. Whether it has acted is not known where a success has none, or lacks `keys`: those of an
    object, or of each object of a list (`many`).
    """
    status, body = response.status_code, _json(response)
    if response.is_success:
        if not _fits(body, keys, many):
            wanted = f"with {', '.join(keys)}" if keys else "in JSON"
            raise Transient(f"{where} answered {status}, but not {wanted}: {_quote(response)}. Is `url` the cluster's?")
        return body
    said = f"{where} answered {status}: {_quote(response) if body is None else _message(body)}"
    if status == 401:
        raise Final(f"{said}\nThe token was refused although it is new. Check the account in the cluster's IAM.")
    if status == 403:
        raise Final(
            f"{said}\nThe account needs dcos:adminrouter:service:metronome and dcos:service:metronome:metronome:jobs."
        )
    if status in (429, 503):
        raise Transient(said, may_have_acted=False)
    if status >= 500 or status == 408:
        raise Transient(said)
    if body is None:
        raise Transient(said, may_have_acted=False)
    if status == 404:
        raise NotFound(said)
    if status == 409:
        raise Conflict(said)
    raise Final(f"{said}\nCorrect the job's definition: the launcher's configuration or the run's tags.")


def _fits(body: Json | None, keys: tuple[str, ...], many: bool) -> bool:
    if many:
        return isinstance(body, list) and all(_fits(entry, keys, many=False) for entry in body)
    return isinstance(body, dict) and body.keys() >= set(keys) if keys else body is not None


def _json(response: httpx.Response) -> Json | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return response.json()
    except ValueError:  # also where the text is not in the charset that it claims
        return None


def _message(body: Json) -> str:
    if not isinstance(body, dict):
        return str(body)[:LONGEST_QUOTE]
    details = "".join(
        f"\n  - {fault.get('path')}: {'; '.join(fault.get('errors', []))}" for fault in body.get("details", [])
    )
    return f"{body.get('message', 'no message')}{details}"


def _quote(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:LONGEST_QUOTE]


def _root_cause(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
