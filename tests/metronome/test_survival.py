"""What the launcher survives, under Dagster's own daemon, web server and code server: the list of docs/metronome.md.

After every test, whatever its story, each Dagster run has had at most one container, and no job and no process is left.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.dcos import Dcos, Fault
from tests.metronome.servers import Servers, environment, until

START = "POST /v1/jobs/*/runs"
FOREVER = 1_000_000


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Servers]:
    home = folder / "dagster"
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment(home).items():
            patch.setenv(name, value)
        dcos = stack.enter_context(Dcos(folder / "dcos", images=("pricing:1",)))
        yield stack.enter_context(Servers(home, dcos, **settings))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with serving(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def servers(started: Servers) -> Iterator[Servers]:
    yield started
    dcos = started.dcos
    dcos.heal()
    started.end_all()
    until(lambda: dcos.jobs == {} and not dcos.all_alive(), "no job, no process is left", lambda: list(dcos.jobs))
    assert max(dcos.most_alive.values(), default=0) <= 1
    for seen in (dcos.requests, dcos.most_alive):
        seen.clear()
    (started.home / "go").unlink()


@pytest.fixture
def dcos(servers: Servers) -> Dcos:
    return servers.dcos


def test_the_token_is_refused_in_the_middle(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.begin()
    dcos.revoke_tokens()
    until(lambda: "POST /acs/api/v1/auth/login" in dcos.requests, "somebody has logged in anew")
    servers.end_all()
    servers.until(run_id, "SUCCESS")


def test_iam_is_down_for_a_while(servers: Servers, dcos: Dcos) -> None:
    running = servers.begin()
    dcos.fail(Fault("POST /acs/*", 503, times=FOREVER))
    dcos.revoke_tokens()
    launched = servers.submit("short", retries=3)
    told = "Nothing was started"
    until(lambda: told in servers.tell(launched), "a launch was put off", lambda: servers.tell(launched))
    assert servers.states(running) == ["STARTED"]

    dcos.heal()
    servers.end_all()
    servers.until(running, "SUCCESS")
    servers.until(launched, "SUCCESS")


@pytest.mark.parametrize("call", ["POST /v1/jobs", START, "GET *", "POST /acs/*", "DELETE *"])
def test_errors_and_cut_connections_start_nothing_twice(servers: Servers, dcos: Dcos, call: str) -> None:
    dcos.revoke_tokens()
    dcos.fail(*(Fault(call, status) for status in (500, 502, 503, 504, None)))
    run_id = servers.submit("short", retries=5)
    until(lambda: servers.states(run_id)[-1] == "SUCCESS", "it goes through", lambda: servers.tell(run_id))

    assert servers.lines(run_id) == 1


def test_the_answer_to_creating_the_job_is_lost(servers: Servers, dcos: Dcos) -> None:
    dcos.fail(Fault("POST /v1/jobs", done=True))
    run_id = servers.submit("short")
    servers.until(run_id, "SUCCESS")


@pytest.mark.parametrize("status", [500, 504, None])
def test_the_answer_to_starting_the_run_is_lost(servers: Servers, dcos: Dcos, status: int | None) -> None:
    dcos.fail(Fault(START, status, done=True))
    run_id = servers.submit("short")
    servers.until(run_id, "SUCCESS")

    assert servers.starts() == 1
    assert servers.lines(run_id) == 1


@pytest.mark.parametrize(
    ("limit", "told"),
    [({"start_timeout_s": 3}, "longer than 3 seconds to start"), ({"queue_timeout_s": 3}, "longer than 3 s")],
    ids=["Dagster's start timeout", "our own limit"],
)
def test_the_queue_is_longer_than_the_limit(tmp_path: Path, limit: dict[str, int], told: str) -> None:
    with serving(tmp_path, **limit) as servers:
        servers.dcos.slots = 0
        run_id = servers.submit("short")
        servers.until(run_id, "FAILURE")
        until(lambda: servers.dcos.jobs == {}, "what was queued is removed")
        servers.dcos.heal()

        assert told in servers.tell(run_id)
        assert servers.lines(run_id) == 0


def test_the_worker_is_killed(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.begin(retries=3)
    os.kill(servers.alive(run_id)[0], signal.SIGKILL)
    servers.end_all()
    servers.until(run_id, "FAILURE", "SUCCESS")


def test_the_agent_is_lost_while_the_process_lives_on(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.begin(retries=3)
    [pid] = servers.alive(run_id)
    os.kill(pid, signal.SIGSTOP)
    dcos.lose_agent(servers.job(run_id))
    until(lambda: servers.states(run_id)[0] == "FAILURE", "it is given up", lambda: servers.tell(run_id))
    servers.end_all()
    servers.until(run_id, "FAILURE", "SUCCESS")
    os.kill(pid, signal.SIGCONT)
    until(lambda: not servers.alive(run_id), "the process of the lost agent has ended")

    # Nobody can reach that process, and Dagster takes its word: it did end well, only late.
    assert servers.states(run_id) == ["SUCCESS", "SUCCESS"]


def test_a_run_vanishes_before_it_is_in_the_history(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.begin(retries=3)
    dcos.vanish(servers.job(run_id))
    servers.end_all()
    servers.until(run_id, "FAILURE", "SUCCESS")

    assert "neither running nor in the history" in servers.tell(run_id)


def test_a_run_never_appears(servers: Servers, dcos: Dcos) -> None:
    dcos.forgets_runs = True
    run_id = servers.submit("short")
    servers.until(run_id, "FAILURE")

    assert "never started" in servers.tell(run_id)


def test_a_worker_exits_0_without_an_end_and_retries_are_dagsters_alone(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.submit("leaving", retries=3)
    servers.until(run_id, "FAILURE", "FAILURE", "FAILURE", "FAILURE")

    assert servers.starts() == 4
    assert {body["run"]["restart"]["policy"] for body in dcos.bodies} == {"NEVER"}


def test_a_stop_answers_before_the_process_is_dead(servers: Servers, dcos: Dcos) -> None:
    dcos.kill_grace_s = 600
    run_id = servers.begin()
    [pid] = servers.alive(run_id)
    os.kill(pid, signal.SIGSTOP)
    servers.cancel(run_id)
    assert servers.states(run_id) == ["CANCELING"]

    os.kill(pid, signal.SIGKILL)
    servers.until(run_id, "CANCELED")
    assert servers.alive(run_id) == []


def test_canceled_while_it_runs(servers: Servers, dcos: Dcos) -> None:
    run_id = servers.begin()
    servers.cancel(run_id)
    servers.until(run_id, "CANCELED")

    assert 'Execution of run for "long" canceled' in servers.tell(run_id)


def test_canceled_while_it_waits_for_room(servers: Servers, dcos: Dcos) -> None:
    dcos.slots = 0
    run_id = servers.submit("short")
    until(lambda: servers.starts() == 1, "it is at the cluster", lambda: servers.tell(run_id))
    # Dagster's page offers no other end to a run that has not begun.
    servers.force_termination(run_id)
    until(lambda: dcos.jobs == {}, "its job is taken from the queue")
    dcos.heal()

    assert servers.states(run_id) == ["CANCELED"]
    assert servers.lines(run_id) == 0


@pytest.mark.parametrize(
    ("call", "is_done", "ends"),
    [
        ("POST /v1/jobs", False, ("FAILURE", "SUCCESS")),
        (START, False, ("FAILURE", "SUCCESS")),
        (START, True, ("SUCCESS",)),
    ],
    ids=["before the job is made", "between job and start", "after the start"],
)
def test_the_daemon_is_killed_in_the_middle_of_a_launch(
    servers: Servers, dcos: Dcos, call: str, is_done: bool, ends: tuple[str, ...]
) -> None:
    dcos.fail(Fault(call, done=is_done))
    with dcos.holding(call) as has_arrived:
        run_id = servers.submit("short", retries=3)
        assert has_arrived.wait(60)
        servers.kill_daemon()
    servers.daemon = servers.start_daemon()
    servers.until(run_id, *ends)

    assert servers.lines(run_id) == 1


def test_metronome_is_restarted(servers: Servers, dcos: Dcos) -> None:
    running = servers.begin()
    dcos.slots = 1
    waiting = servers.submit("short")
    until(lambda: servers.starts() == 2, "it is at the cluster", lambda: servers.tell(waiting))
    dcos.fail(Fault("*", times=5), Fault("*", 503, times=5))
    dcos.restart()
    until(lambda: not dcos.fails, "it is back")
    servers.end_all()
    servers.until(running, "SUCCESS")
    servers.until(waiting, "SUCCESS")


def test_two_daemons_by_mistake(servers: Servers, dcos: Dcos) -> None:
    second = servers.start_daemon()
    run_ids = [servers.submit("short") for _ in range(6)]
    for run_id in run_ids:
        servers.until(run_id, "SUCCESS")
    second.kill()

    assert [servers.lines(run_id) for run_id in run_ids] == [1] * 6
    assert servers.starts() == 6


def test_45_launches_share_10_slots(servers: Servers, dcos: Dcos) -> None:
    run_ids = [servers.submit("short") for _ in range(45)]
    for run_id in run_ids:
        servers.until(run_id, "SUCCESS")

    assert [servers.lines(run_id) for run_id in run_ids] == [1] * 45
    assert dcos.most_alive_at_once <= 10


def test_the_history_was_trimmed(servers: Servers, dcos: Dcos) -> None:
    dcos.keeps_history = False
    run_id = servers.begin(retries=3)
    os.kill(servers.alive(run_id)[0], signal.SIGKILL)
    until(lambda: servers.states(run_id)[0] == "FAILURE", "it counts as lost", lambda: servers.tell(run_id))
    servers.end_all()
    servers.until(run_id, "FAILURE", "SUCCESS")


# What is wrong from the start: the run fails at once with the reason, and the daemon goes on


def and_the_daemon_goes_on(servers: Servers) -> None:
    servers.dcos.heal()
    servers.until(servers.submit("short"), "SUCCESS")


def test_a_bad_tag(servers: Servers) -> None:
    run_id = servers.submit("short", mem="lots")
    servers.until(run_id, "FAILURE")

    assert "metronome/mem=lots: a number was expected" in servers.tell(run_id)
    assert servers.starts() == 0
    and_the_daemon_goes_on(servers)


def test_an_unknown_image(servers: Servers, dcos: Dcos) -> None:
    known, dcos.images = dcos.images, ()
    run_id = servers.submit("short")
    servers.until(run_id, "FAILURE")
    dcos.images = known

    assert "look at its image" in servers.tell(run_id)
    and_the_daemon_goes_on(servers)


def test_wrong_credentials(servers: Servers, dcos: Dcos) -> None:
    dcos.users = {"robot": "another"}
    dcos.revoke_tokens()
    run_id = servers.submit("short")
    servers.until(run_id, "FAILURE")

    assert "refuses robot" in servers.tell(run_id)
    assert "let-me-in" not in servers.tell(run_id)
    and_the_daemon_goes_on(servers)


def test_no_permission(servers: Servers, dcos: Dcos) -> None:
    dcos.forbidden = {"robot"}
    run_id = servers.submit("short")
    servers.until(run_id, "FAILURE")

    assert "dcos:service:metronome" in servers.tell(run_id)
    and_the_daemon_goes_on(servers)


def test_no_permission_that_shows_as_no_such_job(servers: Servers, dcos: Dcos) -> None:
    dcos.slots = 0
    run_id = servers.submit("short")
    until(lambda: servers.starts() == 1, "it is at the cluster", lambda: servers.tell(run_id))
    dcos.hidden = True
    servers.until(run_id, "FAILURE")

    assert servers.starts() == 1
    and_the_daemon_goes_on(servers)


def test_a_definition_that_the_cluster_refuses(servers: Servers, dcos: Dcos) -> None:
    dcos.refuses = {"path": "/run/user", "errors": ["root is not allowed here"]}
    run_id = servers.submit("short")
    servers.until(run_id, "FAILURE")

    assert "/run/user: root is not allowed here" in servers.tell(run_id)
    assert servers.starts() == 0
    and_the_daemon_goes_on(servers)


@pytest.mark.parametrize(
    ("setting", "told"),
    [({"url": "https://127.0.0.1:9"}, "Is the cluster up"), ({"ca_file": None}, "Give the CA of this cluster")],
    ids=["unreachable", "certificate"],
)
def test_no_way_to_the_cluster(tmp_path: Path, setting: dict[str, str | None], told: str) -> None:
    with serving(tmp_path, queue_timeout_s=3, **setting) as servers:
        for run_id in (servers.submit("short"), servers.submit("short")):
            servers.until(run_id, "FAILURE")
            assert told in servers.tell(run_id)
