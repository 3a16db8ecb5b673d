"""Whether a run's process is still there is known by the lock that it holds, whatever ended it."""

import inspect
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._grpc import proxy_server, server

from markdown_pricing import DATA
from markdown_pricing.orchestration.local_launcher import (
    LOOKS_AT_MOST,
    SHUTTING_DOWN,
    LocalRunLauncher,
    in_a_noticed_process,
)
from markdown_pricing.orchestration.worker_lock import (
    FOLDER,
    FORGOTTEN_AFTER_S,
    held_by_this_process,
    is_lost,
    remove_forgotten,
)
from markdown_pricing.process.workers import end_with_the_parent
from tests.processes import free_port, is_alive, wait_until

PROJECT = Path(__file__).parents[2]
RUN = "0c8c2a5e-run"
HOLDS_AND_WAITS = """
import sys
from pathlib import Path
from markdown_pricing.orchestration.worker_lock import held_by_this_process
with held_by_this_process(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
OUTLIVES_NOBODY = """
import os, signal
from markdown_pricing.process.workers import end_with_the_parent
end_with_the_parent()
print(os.getpid(), flush=True)
signal.pause()
"""
ENDS_IN_GOOD_ORDER = """
import os, signal
from markdown_pricing.process.workers import end_with_the_parent
end_with_the_parent(lambda: print("in good order", flush=True))
end_with_the_parent()
print(os.getpid(), flush=True)
signal.pause()
"""
SPAWNS_AND_WAITS = """
import multiprocessing, sys
multiprocessing.get_context("spawn").Process(target=exec, args=(sys.argv[1],)).start()
sys.stdin.read()
"""


@dg.op
def ask(context: dg.OpExecutionContext) -> None:
    """Leaves beside the storage whether another process would find the run lost, and whether its file is there."""
    home = Path(context.instance.root_directory)
    (home / "seen").write_text(f"{(home / FOLDER / context.run_id).exists()} {is_lost(home, context.run_id)}")


@dg.job(executor_def=in_a_noticed_process)
def asking() -> None:
    ask()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """With the dagster.yaml that we hand out for one machine."""
    (tmp_path / "dagster.yaml").write_text((DATA / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def start(program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def lose(home: Path, run_id: str) -> None:
    """A process holds the run's lock and is killed."""
    with start(HOLDS_AND_WAITS, str(home), run_id) as process:
        assert first_line(process) == "held"
        process.kill()


def test_a_run_is_lost_once_its_process_is_killed_and_not_before(tmp_path: Path) -> None:
    with start(HOLDS_AND_WAITS, str(tmp_path), RUN) as process:
        assert first_line(process) == "held"
        assert not is_lost(tmp_path, RUN)

        process.kill()
        process.wait()

    assert is_lost(tmp_path, RUN)
    assert is_lost(tmp_path, RUN), "it is lost at every look, until its run is over"


def test_a_run_that_ended_in_good_order_or_works_elsewhere_is_not_lost(tmp_path: Path) -> None:
    with held_by_this_process(tmp_path, RUN):
        pass

    assert not is_lost(tmp_path, RUN)
    assert not is_lost(tmp_path, "of another machine")
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_lost_process_is_told_at_the_second_look(instance: dg.DagsterInstance) -> None:
    """So that the daemon has found a code server which restarts. Of a run that never held a lock nothing is said."""
    launcher = instance.run_launcher
    lost, elsewhere = (create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
    lose(Path(instance.root_directory), lost.run_id)

    looks = [launcher.check_run_worker_health(lost).status for _ in range(3)]

    assert isinstance(launcher, LocalRunLauncher)
    assert launcher.supports_check_run_worker_health
    assert looks == [WorkerStatus.RUNNING, WorkerStatus.FAILED, WorkerStatus.RUNNING]
    assert {launcher.check_run_worker_health(elsewhere).status for _ in range(3)} == {WorkerStatus.RUNNING}


def test_while_its_code_server_is_away_a_lost_process_is_told_at_the_tenth_look(instance: dg.DagsterInstance) -> None:
    """A run that fails meanwhile loses its retry; a code server that never comes back must be heard of all the same."""
    address = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "port": free_port()})}
    lost = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags=address)
    lose(Path(instance.root_directory), lost.run_id)

    looks = [instance.run_launcher.check_run_worker_health(lost).status for _ in range(LOOKS_AT_MOST)]

    assert looks == [WorkerStatus.RUNNING] * (LOOKS_AT_MOST - 1) + [WorkerStatus.FAILED]


def test_a_runs_steps_are_executed_while_its_process_holds_the_lock(instance: dg.DagsterInstance) -> None:
    home = Path(instance.root_directory)

    result = dg.execute_job(dg.reconstructable(asking), instance=instance)

    assert result.success
    assert (home / "seen").read_text() == "True False"
    assert list((home / FOLDER).iterdir()) == []


def test_where_another_launcher_looks_after_runs_no_lock_is_held(tmp_path: Path) -> None:
    """As in a container of a run's own, whose DAGSTER_HOME may not be written to."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.execute_job(dg.reconstructable(asking), instance=instance).success

    assert (tmp_path / "seen").read_text() == "False False"
    assert not (tmp_path / FOLDER).exists()


def test_a_runs_process_ends_with_its_code_server() -> None:
    """kill -9 of whoever has spawned it: it would take no cancellation any more."""
    with start(SPAWNS_AND_WAITS, OUTLIVES_NOBODY) as code_server:
        worker = int(first_line(code_server))
        code_server.kill()

    wait_until("it has ended", lambda: not is_alive(worker), 10, lambda: worker)


def test_a_worker_that_has_seconds_to_end_in_keeps_them_though_a_run_asks_for_less() -> None:
    """As in `run`, whose workers say how their run ended when the command is killed."""
    with start(SPAWNS_AND_WAITS, ENDS_IN_GOOD_ORDER) as command:
        worker = int(first_line(command))
        command.kill()

        assert first_line(command) == "in good order"
        os.kill(worker, signal.SIGKILL)


def test_a_process_that_nobody_has_spawned_goes_on() -> None:
    assert multiprocessing.parent_process() is None
    end_with_the_parent()


def test_what_a_lost_process_leaves_is_removed_a_week_later(tmp_path: Path) -> None:
    lose(tmp_path, RUN)
    file = tmp_path / FOLDER / RUN
    remove_forgotten(tmp_path)
    assert file.exists()
    os.utime(file, (0, file.stat().st_mtime - FORGOTTEN_AFTER_S))
    with held_by_this_process(tmp_path, "alive"):
        os.utime(tmp_path / FOLDER / "alive", (0, 0))

        remove_forgotten(tmp_path)

        assert [each.name for each in (tmp_path / FOLDER).iterdir()] == ["alive"]


@pytest.mark.parametrize(
    "file", [DATA / "dagster.yaml", PROJECT / "docker/dagster.yaml"], ids=["one machine", "compose"]
)
def test_where_runs_share_a_machine_the_lost_ones_are_looked_for_each_minute(file: Path) -> None:
    """And a retry waits for a code server that is away, instead of failing its launch."""
    config = yaml.safe_load(file.read_text())

    assert config["run_launcher"]["class"] == LocalRunLauncher.__name__
    assert config["run_launcher"]["module"] == LocalRunLauncher.__module__
    assert config["run_monitoring"]["enabled"]
    assert config["run_monitoring"]["poll_interval_seconds"] <= 60
    assert config["run_coordinator"]["config"]["max_user_code_failure_retries"] > 0


def test_in_compose_the_daemon_sees_the_locks_and_a_stop_reaches_the_runs() -> None:
    """The folder is one volume, and the signal that ends the code server goes to its whole group."""
    services = yaml.safe_load((PROJECT / "docker/compose.yaml").read_text())["services"]
    code_server, daemon = services["code-server"], services["daemon"]

    assert code_server["volumes"] == daemon["volumes"] == [f"workers:/home/pricing/dagster/{FOLDER}"]
    assert (code_server["stop_signal"], code_server["stop_grace_period"]) == ("SIGINT", "60s")
    assert code_server["environment"]["TINI_KILL_PROCESS_GROUP"] == "1"
    assert code_server["environment"]["DB_PASSWORD"]


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [
        ("Tried to start a run on a server after telling it to shut down", DagsterUserCodeUnreachableError),
        ("There is no such job", DagsterLaunchFailedError),
    ],
)
def test_a_code_server_that_is_about_to_end_costs_no_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, refusal: str, raised: type[Exception]
) -> None:
    """The queue keeps a run whose code server cannot be reached, and launches it again; what else is refused fails."""

    def refuses(*_: Any) -> None:
        raise DagsterLaunchFailedError(refusal, serializable_error_info=None)

    monkeypatch.setattr(DefaultRunLauncher, "launch_run", refuses)
    assert isinstance(instance.run_launcher, LocalRunLauncher)

    with pytest.raises(raised):
        instance.run_launcher.launch_run(LaunchRunContext(create_run_for_test(instance), None))


def test_dagster_still_says_so_in_these_words() -> None:
    assert SHUTTING_DOWN in inspect.getsource(proxy_server)
    assert SHUTTING_DOWN in inspect.getsource(server)
