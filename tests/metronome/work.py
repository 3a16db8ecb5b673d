"""Jobs for the tests: what a run does once it has a container."""

import os
import signal
import time
from pathlib import Path

import dagster as dg

MARKS = "TEST_MARKS"


def marks() -> Path:
    return Path(os.environ[MARKS])


@dg.op
def write_a_line(context: dg.OpExecutionContext) -> None:
    with (marks() / "lines").open("a") as file:
        file.write(f"{context.run_id}\n")


@dg.op
def wait_for_the_end(context: dg.OpExecutionContext) -> None:
    (marks() / f"began.{context.run_id}").touch()
    ends = time.monotonic() + 120
    while not (marks() / "go").exists() and time.monotonic() < ends:
        signal.sigtimedwait([], 0.05)


@dg.op
def leave_with_0() -> None:
    os._exit(0)


@dg.op
def break_down() -> None:
    raise ValueError("broken on purpose")


@dg.job(executor_def=dg.in_process_executor)
def short() -> None:
    write_a_line()


@dg.job(executor_def=dg.in_process_executor)
def long() -> None:
    wait_for_the_end()


@dg.job(executor_def=dg.in_process_executor)
def leaving() -> None:
    leave_with_0()


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    break_down()


defs = dg.Definitions(jobs=[short, long, leaving, failing])
