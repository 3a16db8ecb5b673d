"""A launcher that runs each Dagster run as one Metronome job with one run.

The job is started once, stopped when the run is canceled, and one call says how it is.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from .allowed import IMAGE_TAG, JOB_TAG, LEFT_TAG, AllowLists, given_to
from .client import Metronome
from .container import Container, refuse_secrets_as_text
from .errors import Conflict, Final, MetronomeError, NotFound, NotStarted, Transient
from .health import JobState, read_job
from .job import OLDEST, JobDefinition, check, job_id
from .outage import Next, after
from .report import describe, page
from .resource import MetronomeResource

LAUNCH_LABEL, RUN_LABEL = "dagster-launch", "dagster-run"
SETTLE_S = 15.0
HEALTH_S = 20.0  # for one health check: Dagster's monitoring asks for all runs, one after the other


class MetronomeRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """The run launcher that dagster.yaml names. The daemon launches and checks health, the web server terminates.

    The sensor of `upkeep` does what Dagster's monitoring leaves out: it looks after runs that have not begun, and
    removes jobs that are left over.
    """

    def __init__(
        self,
        cluster: MetronomeResource,
        container: Container,
        settle_s: float = SETTLE_S,
        inst_data: ConfigurableClassData | None = None,
        allowed: AllowLists | None = None,
    ) -> None:
        self._inst_data = inst_data
        self._cluster = cluster
        self._container = container
        self._settle_s = settle_s
        self._allowed = allowed or AllowLists()
        self._unseen_since: dict[str, float] = {}
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        settle = dg.Field(
            float, default_value=SETTLE_S, description="Seconds for which a start whose answer was lost is looked for."
        )
        fields = {**MetronomeResource.to_fields_dict(), **Container.to_fields_dict(), **AllowLists.to_fields_dict()}
        return {**fields, "settle_s": settle}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "MetronomeRunLauncher":
        values = dict(config_value)
        settle_s = values.pop("settle_s")
        cluster_settings = {name: values.pop(name) for name in MetronomeResource.to_fields_dict() if name in values}
        allowed = {name: values.pop(name) for name in AllowLists.to_fields_dict() if name in values}
        cluster = MetronomeResource(**cluster_settings)
        return cls(cluster, Container(**values), settle_s, inst_data, AllowLists(**allowed))

    def launch_run(self, context: LaunchRunContext) -> None:
        """Create the run's job and start it, each at most once, even when another process launches the same run.

        A launch that surely started nothing, as in an outage, puts the run back into the queue for `queue_timeout_s`.
        Raises BadJob or Final when the cluster would or does refuse it, which is not retried; Transient else.
        """
        run, launch = context.dagster_run, uuid.uuid4().hex
        try:
            body = self._job(run, launch).to_json()
            metronome = self._cluster.metronome
            if not self._has_created(metronome, run, body, launch):
                self._report(run, "Another process launches this run, whose Metronome job exists; that one starts it.")
                return
            started = self._start(metronome, body["id"])
        except MetronomeError as error:
            if self._is_put_off(run, launch, error):
                return
            raise
        self._instance.add_run_tags(run.run_id, {JOB_TAG: body["id"]})
        self._report(run, started)

    def _has_created(self, metronome: Metronome, run: dg.DagsterRun, body: dict[str, Any], launch: str) -> bool:
        """Create the job; False when another process has. Raises NotStarted when the cluster can't be asked."""
        try:
            check(body, metronome.version() if "networks" in body["run"] else OLDEST)
            try:
                metronome.create_job(body)
                return True
            except Conflict:
                creator = (metronome.job(body["id"]).get("labels") or {}).get(LAUNCH_LABEL)
            if creator is not None and creator == run.tags.get(LEFT_TAG):
                try:
                    metronome.delete_job(body["id"], stop=False)
                except Conflict:  # it has a run, so that somebody has started it
                    return False
                return self._has_created(metronome, run, body, launch)
            # When this very call made the job, the answer to its first try was lost.
            return bool(creator == launch)
        except Transient as error:
            raise NotStarted(str(error)) from None

    def _is_put_off(self, run: dg.DagsterRun, launch: str, error: MetronomeError) -> bool:
        """Whether the run, whose launch failed, is back in the queue; a run that no retry can help is marked so."""
        begun = self._instance.event_log_storage.get_logs_for_run(
            run.run_id, of_type={DagsterEventType.PIPELINE_STARTING}, limit=1, ascending=True
        )
        limit_s = self._cluster.queue_timeout_s
        what = after(error, time.time() - begun[0].timestamp if begun else 0.0, limit_s)
        if what is Next.GIVE_UP:
            self._instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
        now = self._instance.get_run_by_id(run.run_id)
        # What was canceled meanwhile stays canceled, and what came through no queue nobody would launch again.
        is_starting = now is not None and now.status is dg.DagsterRunStatus.STARTING
        has_queue = isinstance(self._instance.run_coordinator, dg.QueuedRunCoordinator) and run.remote_job_origin
        if what is not Next.QUEUE or not is_starting or not has_queue:
            return False
        self._instance.add_run_tags(run.run_id, {LEFT_TAG: launch})
        self._report(run, f"Nothing was started; the run is launched again, for {limit_s:.0f} s in all.\n{error}")
        self._instance.report_dagster_event(DagsterEvent.job_enqueue(run), run.run_id)
        return True

    def _job(self, run: dg.DagsterRun, launch: str) -> JobDefinition:
        origin = run.job_code_origin
        if origin is None:
            raise Final(f"Run {run.run_id} has no code location: launch it from a loaded one.")
        refuse_secrets_as_text(self._instance, self._container)
        location_image = origin.repository_origin.container_image
        self._allowed.check(run.tags, given_to(self._instance, run), self._container.image, location_image)
        image = self._container.image or location_image or run.tags.get(IMAGE_TAG)
        if image is None:
            raise Final("No image: set the launcher's `image`, or the code server's DAGSTER_CURRENT_IMAGE.")
        # The worker's exit code is Metronome's only word on how a run ended.
        execute = ExecuteRunArgs(
            job_origin=origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        )
        labels = {RUN_LABEL: run.run_id, LAUNCH_LABEL: launch}
        arguments = list(execute.get_command_args())
        return self._container.definition(self._id(run), image, arguments, labels).with_tags(run.tags)

    def _start(self, metronome: Metronome, id: str) -> str:
        """Start the job and say in words what happened. A start whose answer was lost is looked for, never repeated."""
        try:
            return f"Metronome run {metronome.start_run(id)['id']} of {id} waits for room in the cluster."
        except NotFound as error:
            raise Transient(f"Another process has removed {id} before it was started.\n{error}") from None
        except Transient as error:
            if not error.may_have_acted:
                raise NotStarted(str(error)) from None
            lost = str(error)
        looks = Retrying(
            retry=retry_if_result(lambda seen: seen.state is JobState.UNSEEN),
            wait=wait_fixed(min(1.0, self._settle_s / 5)),
            stop=stop_after_delay(self._settle_s),
        )
        try:
            return f"{looks(lambda: read_job(metronome.job(id)))}; the answer to its start was lost.\n{lost}"
        except Transient:
            # Nothing is known. If a worker was started, it goes on; if not, the upkeep fails the run.
            return f"Whether {id} was started is not known yet.\n{lost}"
        except RetryError:
            # Without its job nothing can start late. Dagster's next launch makes a job of its own.
            metronome.delete_job(id)
            raise Transient(f"{id} was not started within {self._settle_s:.0f} s, and is removed.\n{lost}") from None

    def terminate(self, run_id: str) -> bool:
        """Stop the run's container. A run without a container is canceled here, because no worker would report it.

        The upkeep goes on when the cluster can't be asked, and waits for a worker whose container was just stopped.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        try:
            metronome = self._cluster.metronome
            seen = metronome.look_at(self._id(run))
            if seen.state is JobState.ACTIVE:
                metronome.stop_run(self._id(run), seen.run_id)
            elif seen.state in (JobState.QUEUED, JobState.UNSEEN):
                metronome.delete_job(self._id(run))
                self._instance.report_run_canceled(run, f"Canceled: {seen}.")
        except MetronomeError as error:
            self._report(run, f"Its container is stopped by metronome_upkeep as soon as the cluster lets it.\n{error}")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's worker lives. Raises when the cluster can't tell, so that Dagster asks again later.

        Any answer but RUNNING and SUCCESS would make Dagster fail the run.
        """
        with self._cluster.metronome.for_one_look(HEALTH_S) as metronome:
            seen = metronome.look_at(self._id(run))
            for other in seen.others:
                metronome.stop_run(self._id(run), other)
        since = self._unseen_since.pop(run.run_id, time.monotonic())
        if seen.state in (JobState.QUEUED, JobState.ACTIVE):
            return CheckRunHealthResult(WorkerStatus.RUNNING, str(seen), run_worker_id=seen.run_id)
        now = self._instance.get_run_by_id(run.run_id)
        if now is not None and now.is_finished:
            return CheckRunHealthResult(WorkerStatus.SUCCESS, str(seen), run_worker_id=seen.run_id)
        if seen.state is JobState.UNSEEN and time.monotonic() - since < self._cluster.unseen_timeout_s:
            self._unseen_since[run.run_id] = since
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"{seen}; it may be on its way from one to the other")
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"{seen}, and did not end its Dagster run", run_worker_id=seen.run_id
        )

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str:
        """The address of the job, and the last lines of its logs where they can be read."""
        metronome = self._cluster.metronome
        return describe(metronome, self._id(run), metronome.look_at(self._id(run)))

    def _id(self, run: dg.DagsterRun) -> str:
        return job_id(self._cluster.job_prefix, run.run_id)

    def _report(self, run: dg.DagsterRun, message: str) -> None:
        url = dg.MetadataValue.url(page(self._cluster.url, self._id(run)))
        data = EngineEventData(metadata={"Metronome job": url})
        self._instance.report_engine_event(message, run, data, cls=type(self))
