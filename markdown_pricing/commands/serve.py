"""`markdown-pricing serve` starts one of Dagster's servers when every setting that it needs is there."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped]

from markdown_pricing import DATA
from markdown_pricing.errors import UsageError
from markdown_pricing.installation.settings import (
    CODE_SERVER,
    CODE_SERVER_PORT,
    SECRETS,
    VARIABLES,
    BadSettings,
    Settings,
)
from markdown_pricing.metronome.secret_texts import secrets_as_text
from markdown_pricing.orchestration import heartbeat

LOCATION = "markdown_pricing"
HAS_HEARTBEAT = {"code-server", "daemon"}
"""The servers beside which a file says that they answer. The page itself is asked over HTTP."""
OPEN_CALLS_S = {"DAGSTER_GRPC_SHUTDOWN_GRACE_PERIOD": "20"}
"""Seconds that a code server which was told to stop waits for calls that are still open. By Dagster itself it is 60,
when Docker and Kubernetes have killed it. Chosen on 2026-11-28: Kubernetes waits 30 s, and no call of ours needs 20."""
NEWS_EVERY_MS = 30_000
"""How long an open lineage waits until it asks for news. By Dagster itself it is 2 s, but after a year of rounds the
answer takes the web server longer than that (docs/performance.md). What becomes of the runs that the page knows it is
told at once. Chosen on 2026-11-28."""
PORT = VARIABLES[CODE_SERVER_PORT].default or ""


def serve(
    environ: Mapping[str, str], server: str, host: str, port: int | None, read_only: bool, path_prefix: str
) -> NoReturn:
    """Turn this process into the server, so that a stop reaches it. Raises BadSettings with every fault."""
    environ = {CODE_SERVER_PORT: PORT, **environ}
    if home := environ.get("DAGSTER_HOME"):
        environ["DAGSTER_HOME"] = str(Path(home).absolute())  # Dagster takes no other
    if faults := list(faults_of_server(environ, server)):
        raise BadSettings(faults)
    arguments = arguments_of(environ, server, host, port, read_only, path_prefix)
    if server != "code-server":  # it has the runs below it, whose predictions others may read
        os.umask(0o077)
    if server in HAS_HEARTBEAT:
        arguments = [heartbeat.__name__, server, *arguments]
    # Who starts it in the background of a script has it ignore SIGINT, and Dagster takes SIGTERM as it takes SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, [sys.executable, "-m", *arguments], {**OPEN_CALLS_S, **environ})


def arguments_of(
    environ: Mapping[str, str], server: str, host: str, port: int | None, read_only: bool, path_prefix: str
) -> list[str]:
    """The module and its arguments. Raises UsageError when the server has no such page."""
    if server != "web-server" and (read_only or path_prefix):
        raise UsageError(f"--read-only and --path-prefix are for the web server; {server} has no page.")
    workspace = ["-w", str(DATA / "workspace.grpc.yaml")]
    arguments = {
        "code-server": [
            *("dagster", "api", "grpc", "--module-name", "markdown_pricing.definitions"),
            *("--location-name", LOCATION, "--host", host, "--port", environ[CODE_SERVER_PORT]),
        ],
        "web-server": [
            *("dagster_webserver", "--host", host, "--port", str(port or 3000), *workspace),
            *("--live-data-poll-rate", str(NEWS_EVERY_MS)),
            *(["--read-only"] if read_only else []),
            *(["--path-prefix", path_prefix] if path_prefix else []),
        ],
        "daemon": ["dagster._daemon", "run", *workspace],
    }
    return arguments[server]


def faults_of_server(environ: Mapping[str, str], server: str) -> Iterator[str]:
    """What is wrong with the settings of a server. Each fault names its variable and says what to do."""
    try:
        Settings.from_env(environ, needs_places=server == "code-server")
    except BadSettings as error:
        yield from error.faults
    if server != "code-server" and not environ.get(CODE_SERVER):
        yield f"{CODE_SERVER} is not set: give the host of the code server"
    if not (number := environ.get(CODE_SERVER_PORT, PORT)).isdigit():
        yield f"{CODE_SERVER_PORT}={number} is not a port: give a number"
    home = environ.get("DAGSTER_HOME")
    if not home:
        yield "DAGSTER_HOME is not set, and on a cluster its default would be lost: give the folder of dagster.yaml"
        return
    file = Path(home) / "dagster.yaml"
    if not file.is_file():
        yield f"DAGSTER_HOME={home}: it holds no dagster.yaml; copy one of {DATA}/dagster*.yaml there"
        return
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name in sorted({value for key, value in _entries(config) if key == "env"}):
        if name not in environ:
            yield f"{name} is not set, and {file} takes a value from it"
    # The whole file is passed on in the arguments of every run's container.
    yield from (
        f"{file} holds {place} as text: give it as {{env: NAME}}, or a run's variable by its name in the secret store"
        for place in secrets_as_text(config, SECRETS)
    )


def _entries(config: Any) -> Iterator[tuple[str, str]]:
    """Every key of a dagster.yaml whose value is a text, at any depth, with that text."""
    if isinstance(config, dict):
        yield from ((str(key), value) for key, value in config.items() if isinstance(value, str))
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _entries(value)
