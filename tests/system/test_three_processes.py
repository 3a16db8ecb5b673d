"""Code server, web server and daemon as the image starts them, on PostgreSQL: a round through them, and its secrets."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from unittest.mock import patch

import dagster as dg
import grpc
import pytest
import yaml  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg import sql
from sqlalchemy import make_url

from markdown_pricing.installation.settings import CODE_SERVER_PORT
from markdown_pricing.lake.paths import SNAPSHOTS
from markdown_pricing.orchestration.names import CODE_TAG, COUNTRY_TAG, OTHER_CODE_TAG, WEEK_TAG
from markdown_pricing.provenance import code_version
from tests.doubles import demo
from tests.doubles.dcos import Dcos
from tests.postgres.server import PostgresServer
from tests.processes import answers, end_groups, free_port, wait_until

COUNTRIES = ("HUN", "MLT")
IMAGE = "registry.example.com/markdown-pricing:0.1.0"
SECRETS = {
    "DB_PASSWORD": "planted-of-the-erp",
    "DAGSTER_PG_PASSWORD": "planted-of-the-storage",
    "METRONOME_PASSWORD": "planted-of-the-cluster",
}


@dataclass(frozen=True)
class Site:
    """An installation on DC/OS: three servers by the image's own commands, runs as jobs of a cluster."""

    folder: Path
    environment: dict[str, str]
    web_port: int

    def start(self, server: str, **changes: str | None) -> "subprocess.Popen[bytes]":
        """`changes` are to the environment; None takes a variable away."""
        environment = {**os.environ, **self.environment, **changes}
        given = {name: value for name, value in environment.items() if value is not None}
        command = [sys.executable, "-m", "markdown_pricing", "serve", server, "--host", "127.0.0.1"]
        command += ["--port", str(self.web_port)] if server == "web-server" else []
        with (self.folder / f"{server}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, env=given, stdout=log, stderr=log, start_new_session=True)

    def log(self, server: str) -> str:
        return (self.folder / f"{server}.log").read_text(errors="replace")


def account(postgres: PostgresServer, name: str, password: str, database: str) -> None:
    """An account that owns its database, logs in with its password, and is nobody elsewhere."""
    role, owned = sql.Identifier(name), sql.Identifier(str(make_url(database).database))
    postgres.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
    postgres.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(owned, role))


@pytest.fixture(scope="module")
def dcos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dcos]:
    with Dcos(tmp_path_factory.mktemp("dcos"), slots=2) as dcos:
        yield dcos


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, dcos: Dcos) -> Site:
    """Settled and delivered; nothing runs yet."""
    folder = tmp_path_factory.mktemp("site")
    environment = demo.settle(folder, postgres, dcos, COUNTRIES)
    storage = str(make_url(environment["MARKDOWN_PRICING_ERP"]).set(database=environment["DAGSTER_PG_DB"]))
    account(postgres, "erp_of_the_site", SECRETS["DB_PASSWORD"], environment["MARKDOWN_PRICING_ERP"])
    account(postgres, "dagster_of_the_site", SECRETS["DAGSTER_PG_PASSWORD"], storage)
    dcos.users = {"pricing-robot": SECRETS["METRONOME_PASSWORD"]}
    dcos.secrets |= {
        "markdown-pricing/erp-password": SECRETS["DB_PASSWORD"],
        "markdown-pricing/dagster-password": SECRETS["DAGSTER_PG_PASSWORD"],
    }
    erp = make_url(environment["MARKDOWN_PRICING_ERP"]).set(username=None)
    environment |= {
        **SECRETS,
        "MARKDOWN_PRICING_ERP": str(erp),
        "DB_USER": "erp_of_the_site",
        "DAGSTER_PG_USER": "dagster_of_the_site",
        "DAGSTER_CURRENT_IMAGE": IMAGE,
        "MARKDOWN_PRICING_CODE_SERVER": "127.0.0.1",
        "MARKDOWN_PRICING_CODE_SERVER_PORT": str(free_port()),
    }
    config = yaml.safe_load((folder / "dagster.yaml").read_text())
    config["run_coordinator"]["config"]["tags_by_country"] = {"MLT": {"metronome/cpus": "2", "metronome/mem": "512"}}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    demo.deliver(folder, COUNTRIES, articles=8)
    return Site(folder, environment, free_port())


@dataclass(frozen=True)
class Round:
    """What a round has left behind."""

    runs: list[dg.DagsterRun]
    told: str
    commands: set[str]
    page: dict[str, str]


@pytest.fixture(scope="module")
def priced(site: Site) -> Iterator[Round]:
    """The round of all countries, by the daemon's own sensor."""
    stop, commands = Event(), set[str]()
    watch = Thread(target=collect_commands, args=(stop, commands))
    processes = []
    with patch.dict(os.environ, site.environment), dg.DagsterInstance.get() as instance:
        try:
            watch.start()
            processes.append(site.start("code-server"))
            port = int(site.environment["MARKDOWN_PRICING_CODE_SERVER_PORT"])
            wait_until("the code server answers", lambda: answers(port), 120, lambda: site.log("code-server"))
            processes += [site.start("web-server"), site.start("daemon")]
            wait_until("the page answers", lambda: answers(site.web_port), 120, lambda: site.log("web-server"))
            wait_until(
                "every country is priced",
                lambda: len(priced_countries(instance)) == len(COUNTRIES),
                400,
                lambda: site.log("daemon")[-5000:],
                every_s=1,
            )
            with urllib.request.urlopen(f"http://127.0.0.1:{site.web_port}/server_info", timeout=30) as answer:
                page = json.load(answer)
            runs = list(instance.get_runs())
            events = "\n".join(str(entry) for run in runs for entry in instance.all_logs(run.run_id))
            yield Round(runs, events, commands, page)
        finally:
            stop.set()
            watch.join()
            end_groups(processes)


def priced_countries(instance: dg.DagsterInstance) -> set[str]:
    done = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    return {run.tags[COUNTRY_TAG] for run in done if COUNTRY_TAG in run.tags}


def collect_commands(stop: Event, commands: set[str]) -> None:
    """The command line of every process that lives meanwhile, as `ps` shows it to everybody on the machine."""
    while not stop.wait(0.2):
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue


def test_a_round_goes_through_code_server_daemon_and_web_server(priced: Round) -> None:
    of_countries = [run for run in priced.runs if COUNTRY_TAG in run.tags]

    assert {run.tags[COUNTRY_TAG] for run in of_countries} == set(COUNTRIES)
    assert {run.status.value for run in priced.runs} == {"SUCCESS"}
    assert priced.page["dagster_webserver_version"]


def test_every_run_says_which_code_priced_it_and_gets_its_countrys_tags(priced: Round, dcos: Dcos) -> None:
    sizes = {body["labels"]["dagster-run"]: (body["run"]["cpus"], body["run"]["mem"]) for body in dcos.bodies}
    for run in priced.runs:
        assert run.tags[CODE_TAG] == code_version()
        assert OTHER_CODE_TAG not in run.tags
        assert sizes[run.run_id] == ((2, 512) if run.tags.get(COUNTRY_TAG) == "MLT" else (4, 32768))


def test_the_round_equals_one_without_a_cluster_cell_by_cell(priced: Round, site: Site, tmp_path: Path) -> None:
    """`markdown-pricing shadow`: where a run's container comes from changes no price."""
    snapshots = Path("lake") / SNAPSHOTS
    shutil.copytree(site.folder / snapshots, tmp_path / snapshots)
    [week] = {run.tags[WEEK_TAG] for run in priced.runs if COUNTRY_TAG in run.tags}
    places = {
        "MARKDOWN_PRICING_LAKE": str(tmp_path / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{tmp_path}/erp.sqlite",
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    command = [sys.executable, "-m", "markdown_pricing"]
    environment = {**os.environ, **site.environment, **places}  # as many threads as a container of the double has
    subprocess.run([*command, "run", "--week", week], env=environment, check=True, capture_output=True)

    lakes = [str(site.folder / "lake"), places["MARKDOWN_PRICING_LAKE"]]
    told = subprocess.run([*command, "shadow", *lakes, "--week", week], env=environment, capture_output=True, text=True)

    assert told.returncode == 0, told.stdout
    assert told.stdout.startswith(f"Equal: {len(COUNTRIES)} countries")


def test_the_probes_of_the_definitions_find_the_servers_well(priced: Round, site: Site) -> None:
    """Those of Kubernetes, as its kubelet asks; DC/OS and compose look at such files and at the same page."""
    manifests = yaml.safe_load_all((demo.PROJECT / "deploy/kubernetes/servers.yaml").read_text())
    servers = [manifest for manifest in manifests if manifest["kind"] == "Deployment"]
    probes = [server["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] for server in servers]
    [code_server, web_server, daemon] = [
        probe[how] for probe, how in zip(probes, ("grpc", "httpGet", "exec"), strict=True)
    ]
    environment = {**os.environ, **site.environment}

    with grpc.insecure_channel(f"127.0.0.1:{site.environment[CODE_SERVER_PORT]}") as channel:
        question = health_pb2.HealthCheckRequest(service=code_server["service"])
        answer = health_pb2_grpc.HealthStub(channel).Check(question, timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with urllib.request.urlopen(f"http://127.0.0.1:{site.web_port}{web_server['path']}", timeout=30) as page:
        assert page.status == 200
    subprocess.run(daemon["command"], env=environment, check=True, stdout=subprocess.DEVNULL)
    app = json.loads((demo.PROJECT / "deploy/dcos/code-server.json").read_text())
    subprocess.run(app["healthChecks"][0]["command"]["value"], env=environment, check=True, shell=True)


def test_no_secret_is_in_anything_that_was_written(
    priced: Round, site: Site, dcos: Dcos, postgres: PostgresServer
) -> None:
    """Events, run configuration, job definitions, logs and files, both databases, the list of processes."""
    [first, *_] = priced.runs
    databases = [site.environment["DAGSTER_PG_DB"], str(make_url(site.environment["MARKDOWN_PRICING_ERP"]).database)]
    folders = (site.folder, dcos.folder)
    written = {
        "events": priced.told,
        "run configuration and tags": str([(run.run_id, run.run_config, run.tags) for run in priced.runs]),
        "job definitions": str(dcos.bodies),
        "command lines": "\n".join(priced.commands),
        "files": "\n".join(text_of(file) for folder in folders for file in folder.rglob("*") if file.is_file()),
        "databases": "\n".join(postgres.dump(database) for database in databases),
    }

    for place, text in written.items():
        assert first.run_id in text, f"{place} tell nothing of the round: the search would find nothing there"
        found = [name for name, value in SECRETS.items() if value in text]
        assert not found, f"{place} hold {', '.join(found)}"


def text_of(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("server", "variable", "value"),
    [
        ("code-server", "MARKDOWN_PRICING_LAKE", None),
        ("code-server", "MARKDOWN_PRICING_ERP", None),
        ("code-server", "MARKDOWN_PRICING_START_WEEK", "2026-02-10"),
        ("web-server", "MARKDOWN_PRICING_CODE_SERVER", None),
        ("web-server", "MARKDOWN_PRICING_CODE_SERVER_PORT", "grpc"),
        ("web-server", "DAGSTER_PG_PASSWORD", None),
        ("daemon", "METRONOME_URL", None),
        ("daemon", "DAGSTER_HOME", "/nowhere"),
    ],
)
def test_a_wrong_or_missing_setting_stops_a_server_at_its_start(
    site: Site, server: str, variable: str, value: str | None
) -> None:
    process = site.start(server, **{variable: value})
    try:
        assert process.wait(60) == 2
    finally:
        end_groups([process])
    told = site.log(server).rpartition("can't be used:")[2]

    assert variable in told
    assert "Correct them and start again." in told
    assert "Traceback" not in told
