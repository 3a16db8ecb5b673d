"""The image, which is not built here: its install steps in a clean environment, its commands, and what linters say."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest
import yaml  # type: ignore[import-untyped]

from markdown_pricing import DATA, __version__
from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration import heartbeat as heartbeats
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import parse_week
from tests.postgres.server import PostgresServer
from tests.processes import answers, end_groups, free_port, wait_until
from tests.real_parts import missing

PROJECT = Path(__file__).parents[2]
DOCKERFILE = PROJECT / "docker" / "Dockerfile"
WEEK = "2026-02-09"


def stage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage, (name, rest) each."""
    lines = DOCKERFILE.read_text().replace("\\\n", "").splitlines()
    start = next(place for place, line in enumerate(lines) if re.fullmatch(rf"FROM \S+ AS {name}", line))
    found = []
    for line in lines[start + 1 :]:
        if line.startswith("FROM "):
            break
        if re.match("[A-Z]", line):
            word, _, rest = line.partition(" ")
            found.append((word, rest))
    return found


class Image:
    """What the stages before `runtime` make, under another root; its processes see the environment of `runtime`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.home.mkdir(parents=True)
        (root / "src").mkdir()
        for name in ("dependencies", "package", "sbom"):
            for word, rest in stage(name):
                if word == "COPY":
                    *sources, target = rest.split()
                    for source in sources:
                        self._copy(PROJECT / source, root / "src" / target)
                if word == "RUN":
                    self._run(rest)
        for word, rest in stage("cpu"):
            if word == "COPY":
                _, made, target = rest.split()
                if made != target:
                    self._copy(self._here(made), self._here(target))

    def _here(self, path: str) -> Path:
        return self.root / Path(path).relative_to("/opt")

    def _run(self, command: str) -> None:
        python = shlex.quote(sys.executable)
        own = re.sub(r"(^|&& )python ", lambda found: f"{found[1]}{python} ", command.replace("/opt/", f"{self.root}/"))
        subprocess.run(own, shell=True, check=True, cwd=self.root / "src", stdout=subprocess.DEVNULL)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)

    def environment(self, **more: str) -> dict[str, str]:
        [set_there] = [rest for word, rest in stage("runtime") if word == "ENV"]
        given = dict(re.findall(r"(\w+)=(\S+)", set_there))
        given |= {"PATH": f"{self.root / 'venv/bin'}:/usr/bin:/bin", "DAGSTER_HOME": str(self.home)}
        kept = {name: os.environ[name] for name in ("LANG", "OPENBLAS_CORETYPE") if name in os.environ}
        return {**kept, **given, **more}

    def run(self, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, env=self.environment(**more), cwd=self.home, capture_output=True, text=True, timeout=300
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if not shutil.which("strip"):
        missing("The image's install steps", "no strip found (Debian: apt-get install binutils)")
    return Image(tmp_path_factory.mktemp("image"))


def test_its_steps_install_the_command_and_every_data_file(image: Image) -> None:
    told = image.run("markdown-pricing", "--version")
    where = image.run("python", "-c", "import markdown_pricing; print(markdown_pricing.DATA)")

    assert __version__ in told.stdout
    installed = Path(where.stdout.strip())
    assert image.root in installed.parents
    assert {file.name for file in installed.iterdir()} >= {file.name for file in DATA.iterdir()}


def test_a_release_changes_a_layer_of_less_than_10_mb(image: Image) -> None:
    """All that the package needs is made without it, and lies in a layer before it."""
    copied_before = [rest for word, rest in stage("dependencies") if word == "COPY"]
    layers = [rest.split()[0] for word, rest in stage("cpu") if word == "COPY"]

    assert sum(file.stat().st_size for file in (image.root / "package").rglob("*") if file.is_file()) < 10e6
    assert copied_before == ["pyproject.toml constraints.txt docker/requirements.py docker/slim.py ./"]
    assert layers.index("--from=dependencies") < layers.index("--from=package")


def test_its_bill_of_materials_lists_every_package(image: Image) -> None:
    """With the version that is installed, in the words of CycloneDX."""
    listed = json.loads((image.root / "sbom.cdx.json").read_text())
    query = "import importlib.metadata as m, json; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    installed = json.loads(image.run("python", "-c", query).stdout)

    assert listed["bomFormat"] == "CycloneDX"
    assert sorted([part["name"], part["version"]] for part in listed["components"]) == sorted(installed)
    assert ["markdown-pricing", __version__] in installed


@pytest.mark.parametrize("command", [("run",), ("serve", "code-server")])
def test_it_does_not_start_without_the_places_of_an_installation(image: Image, command: tuple[str, ...]) -> None:
    refused = image.run("markdown-pricing", *command)

    assert refused.returncode == 2
    assert "MARKDOWN_PRICING_LAKE is not set" in refused.stderr
    assert "MARKDOWN_PRICING_ERP is not set" in refused.stderr


@pytest.fixture
def code_server(image: Image, tmp_path: Path) -> Iterator[int]:
    """What the image is without arguments; yields its port."""
    shutil.copy(DATA / "dagster.yaml", image.home)
    port = free_port()
    places = {"MARKDOWN_PRICING_LAKE": str(tmp_path), "MARKDOWN_PRICING_ERP": f"sqlite:///{tmp_path}/erp.sqlite"}
    [command] = [yaml.safe_load(rest) for word, rest in stage("runtime") if word == "CMD"]
    environment = image.environment(**places, MARKDOWN_PRICING_CODE_SERVER_PORT=str(port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=image.home,
            stdout=log,
            stderr=log,
            start_new_session=True,
            executable=str(image.root / "venv/bin" / command[0]),
        )
    try:
        wait_until("the code server answers", lambda: answers(port), 120, (tmp_path / "log").read_text)
        yield port
    finally:
        end_groups([process])


def test_its_health_check_is_a_look_at_a_file_that_the_code_server_touches(image: Image, code_server: int) -> None:
    [health] = [rest for word, rest in stage("runtime") if word == "HEALTHCHECK"]
    check = yaml.safe_load(health.partition("CMD ")[2])
    heartbeat = image.home / heartbeats.FILE.format(server="code-server")
    assert image.run(*check).returncode != 0, "it has not answered yet"

    wait_until("the code server has answered", heartbeat.exists, 60, lambda: os.listdir(image.home))
    assert image.run(*check).returncode == 0
    os.utime(heartbeat, (0, time.time() - 130.0))
    assert image.run(*check).returncode != 0, "it has not answered for two minutes"


def test_it_writes_to_nothing_but_its_temporary_folder_and_dagsters_home(image: Image, tmp_path: Path) -> None:
    """A round under a root that is mounted read-only, as the manifests ask for it."""
    if os.getuid() or not shutil.which("unshare"):
        pytest.skip("only root may mount a root file system read-only")
    deliver_sample(Lake(str(tmp_path)), parse_week(WEEK), [read_countries()["MLT"]], articles=4)
    may_write = [image.home, tmp_path]
    mounts = [f"mount --bind {folder} {folder}" for folder in may_write]
    # The test's own files may lie on another file system than the root.
    read_only = [f"mount -o remount,ro,bind {where}" for where in (f"$(stat -c %m {image.root})", "/")]
    script = " && ".join([*mounts, *read_only, f"! touch {image.root}/planted", 'exec "$@"'])

    done = image.run(
        *("unshare", "--mount", "sh", "-c", script, "sh", "markdown-pricing", "run", "--countries", "MLT"),
        TMPDIR=str(tmp_path),
        MPLCONFIGDIR=str(tmp_path / "matplotlib"),
        HOME=str(image.root),
        MARKDOWN_PRICING_LAKE=str(tmp_path),
        MARKDOWN_PRICING_ERP=f"sqlite:///{tmp_path}/erp.sqlite",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Read-only file system" in done.stderr  # what was planted


def test_it_is_a_component_of_kubeflow_pipelines(image: Image, tmp_path: Path) -> None:
    """The component's own command line, as Kubeflow fills it in."""
    component = yaml.safe_load((PROJECT / "deploy/kubeflow/component.yaml").read_text())
    container = component["implementation"]["container"]
    out = tmp_path / "out" / "predictions"
    given = {"lake": str(tmp_path / "lake"), "week": WEEK, "countries": "MLT"}
    deliver_sample(Lake(given["lake"]), parse_week(WEEK), [read_countries()["MLT"]], articles=4)
    filled = {**given, "predictions": str(out)}
    whole = [*container["command"], *container["args"]]
    command = [filled[next(iter(part.values()))] if isinstance(part, dict) else part for part in whole]
    assert {entry["name"] for entry in component["inputs"]} == set(given)
    assert command[:2] == ["tini", "--"]

    done = image.run(*command[2:])

    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(out)) == 4


def test_it_runs_as_nobody_in_particular_and_hands_a_stop_on() -> None:
    instructions = dict(stage("runtime"))

    assert instructions["USER"] == "10001"
    assert yaml.safe_load(instructions["ENTRYPOINT"]) == ["tini", "--"]
    [base] = re.findall(r"FROM (python\S*)", DOCKERFILE.read_text())
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)


def test_hadolint_has_nothing_to_say() -> None:
    told = subprocess.run([tool("hadolint"), DOCKERFILE], capture_output=True, text=True)

    assert (told.returncode, told.stdout) == (0, "")


SECRETS = {"DB_PASSWORD": "of-the-erp's", "DAGSTER_PG_PASSWORD": "of-the-storage"}


def test_docker_compose_reads_the_file() -> None:
    told = compose(**SECRETS)
    assert told.stdout, told.stderr
    services = yaml.safe_load(told.stdout)["services"]

    assert {"postgres", "namenode", "datanode", "code-server", "web-server", "daemon"} <= set(services)
    refused = compose(DB_PASSWORD="of-the-erp")
    assert not refused.stdout
    assert "required variable DAGSTER_PG_PASSWORD is missing a value" in refused.stderr


def test_its_accounts_log_in_with_their_passwords(postgres: PostgresServer, tmp_path: Path) -> None:
    """The file that PostgreSQL runs on an empty volume, on a real one; under other names beside other tests'."""
    text = (PROJECT / "docker/accounts.sql").read_text()
    renamed = re.sub(r"(ROLE|DATABASE|OWNER) (dagster|erp)", r"\1 \2_of_compose", text)
    (tmp_path / "accounts.sql").write_text(renamed)
    command = ["psql", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "accounts.sql"), postgres.url]
    subprocess.run(command, env={**os.environ, **SECRETS}, check=True, stdout=subprocess.DEVNULL)

    for account, password in (("dagster", "DAGSTER_PG_PASSWORD"), ("erp", "DB_PASSWORD")):
        name = f"{account}_of_compose"
        with psycopg.connect(postgres.database(name), user=name, password=SECRETS[password]) as connection:
            connection.execute("CREATE TABLE mine (id int)")


def compose(**environ: str) -> "subprocess.CompletedProcess[str]":
    """`docker compose config`, which reads, checks and completes the file; as a package it always exits with 0."""
    command = [tool("docker-compose"), "-f", str(PROJECT / "docker/compose.yaml"), "config"]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


def tool(name: str) -> str:
    """A program that came with the tests' Python packages."""
    return str(Path(sys.executable).parent / name)
