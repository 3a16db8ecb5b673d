"""Runs as processes of the code server, as on one machine and in compose, whose death is noticed within minutes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus

from markdown_pricing.orchestration.worker_lock import (
    held_by_this_process,
    is_lost,
    remove_forgotten,
)
from markdown_pricing.process.workers import end_with_the_parent

SHUTTING_DOWN = "after telling it to shut down"
"""So Dagster 1.13 says that a code server has started nothing because it is about to end."""
LOOKS_AT_MOST = 10
"""Looks after which a lost process is told though its code server is still away. Chosen on 2026-11-28: with a look each
minute, the run fails, and operators hear of it, ten minutes later."""
ANSWER_WITHIN_S = 5
"""Seconds in which a code server that is there says who it is. It needs milliseconds; one that hangs holds up the looks
at all other runs for as long."""


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, set in dagster.yaml, that also answers whether a run's process is still there.

    A code server that is killed, or a machine that restarts, takes its runs' processes along, and nobody is left who
    could say so. Dagster's run monitoring asks here, fails such a run, and it is retried.
    """

    def __init__(self, inst_data: object = None) -> None:
        super().__init__(inst_data)  # type: ignore[arg-type]
        self._looks: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def launch_run(self, context: LaunchRunContext) -> None:
        """Raises DagsterUserCodeUnreachableError, with which the run goes back into the queue, when nothing started.

        A code server that hangs loses its heartbeat and refuses every start until another takes its place. Dagster's
        own launcher takes that for the run's fault, and fails it for good.
        """
        remove_forgotten(Path(self._instance.root_directory))
        try:
            super().launch_run(context)
        except DagsterLaunchFailedError as error:
            if SHUTTING_DOWN not in str(error):
                raise
            raise DagsterUserCodeUnreachableError(f"The code server is shutting down: {error}") from error

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """A lost process is told at the second look at which its code server answers, or at the tenth look.

        The code server that was killed with it must be there for the retry, and the daemon must have found it: Dagster
        submits a retry once, right after the failure, and gives it up for good while the code server is away.
        """
        if not is_lost(Path(self._instance.root_directory), run.run_id):
            self._forget(run)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._looks[run.run_id] += 1
        self._answers[run.run_id] += self._code_server_answers(run)
        if self._answers[run.run_id] < 2 and self._looks[run.run_id] < LOOKS_AT_MOST:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._forget(run)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            "its process is gone and has not said why: it, its code server or its machine was killed or restarted",
        )

    def _forget(self, run: dg.DagsterRun) -> None:
        del self._looks[run.run_id], self._answers[run.run_id]

    def _code_server_answers(self, run: dg.DagsterRun) -> bool:
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        try:
            # A run that no code server has started has no address to ask.
            return client is None or bool(client.get_server_id(timeout=ANSWER_WITHIN_S))
        except DagsterUserCodeUnreachableError:
            return False


def is_local(instance: dg.DagsterInstance) -> bool:
    """Whether runs are processes of this machine whose death the launcher of the instance looks for."""
    return _launcher_of(instance) == LocalRunLauncher.__name__


def runs_share_a_machine(instance: dg.DagsterInstance) -> bool:
    """Whether runs are processes of the code server, and not containers with cores of their own."""
    return _launcher_of(instance) in (LocalRunLauncher.__name__, DefaultRunLauncher.__name__)


def _launcher_of(instance: dg.DagsterInstance) -> str | None:
    # By its name, as it is not made here: a run's own container lacks the variables that its configuration names.
    launcher = instance.get_ref().run_launcher_data if instance.is_persistent else None
    return launcher.class_name if launcher else None


class NoticedExecutor(dg.Executor):
    """Executes a run's steps as another executor does, in a process whose death is noticed where runs are local."""

    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> RetryMode:
        return self._executor.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        return self._executor.step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        if not is_local(plan_context.instance):
            yield from self._executor.execute(plan_context, execution_plan)
            return
        # A process that outlives its code server takes no cancellation any more, and its run is about to be retried.
        end_with_the_parent()
        with held_by_this_process(Path(plan_context.instance.root_directory), plan_context.run_id):
            yield from self._executor.execute(plan_context, execution_plan)


def _in_process(context: dg.InitExecutorContext) -> dg.Executor:
    make = dg.in_process_executor.executor_creation_fn
    assert make is not None
    return NoticedExecutor(make(context))


in_a_noticed_process = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema.as_field(),
    executor_creation_fn=_in_process,
    description="All steps of a run in its own process, which holds the run's lock where runs share a machine.",
)
