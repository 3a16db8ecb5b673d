"""What operators hand to a cluster: every server finds the settings that it asks for, and no secret is written down."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.instance.ref import InstanceRef

from markdown_pricing import DATA, __version__
from markdown_pricing.__main__ import cli
from markdown_pricing.commands.serve import CODE_SERVER_PORT, arguments_of, faults_of_server
from markdown_pricing.errors import UsageError
from markdown_pricing.orchestration.names import LOCATION

PROJECT = Path(__file__).parents[2]
SECRETS = {"DB_PASSWORD", "DAGSTER_PG_PASSWORD", "METRONOME_PASSWORD"}


@dataclass(frozen=True)
class Server:
    """One of Dagster's servers as a file defines it; secrets only by name."""

    where: str
    args: list[str]
    environment: dict[str, str]
    secrets: set[str]
    dagster_yaml: Path

    def __str__(self) -> str:
        return f"{self.where} {self.args[2]}"


def on_dcos() -> Iterator[Server]:
    for name in ("code-server", "web-server", "daemon"):
        app = json.loads((PROJECT / f"deploy/dcos/{name}.json").read_text())
        plain = {name: value for name, value in app["env"].items() if isinstance(value, str)}
        by_reference = {name: value["secret"] for name, value in app["env"].items() if isinstance(value, dict)}
        assert set(by_reference.values()) == set(app["secrets"])
        yield Server("dcos", app["args"], plain, set(by_reference), DATA / "dagster.metronome.yaml")


def on_kubernetes() -> Iterator[Server]:
    folder = PROJECT / "deploy/kubernetes"
    [settings] = list(yaml.safe_load_all((folder / "settings.yaml").read_text()))
    for document in yaml.safe_load_all((folder / "servers.yaml").read_text()):
        if document["kind"] == "Deployment":
            [container] = document["spec"]["template"]["spec"]["containers"]
            own = {entry["name"]: entry["value"] for entry in container.get("env", [])}
            environment = {"DAGSTER_HOME": "of the image", **settings["data"], **own}
            named = {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source}
            secrets = {"DAGSTER_PG_PASSWORD"} | ({"DB_PASSWORD"} if "markdown-pricing-reader" in named else set())
            yield Server("kubernetes", container["args"], environment, secrets, DATA / "dagster.kubernetes.yaml")


def on_compose() -> Iterator[Server]:
    services = yaml.safe_load((PROJECT / "docker/compose.yaml").read_text())["services"]
    for name in ("code-server", "web-server", "daemon"):
        given = services[name]["environment"]
        secrets = {variable for variable, value in given.items() if str(value).startswith(f"${{{variable}:?")}
        environment = {"DAGSTER_HOME": "of the image"} | {n: v for n, v in given.items() if n not in secrets}
        yield Server("compose", services[name]["command"], environment, secrets, PROJECT / "docker/dagster.yaml")


SERVERS = [*on_dcos(), *on_kubernetes(), *on_compose()]


@pytest.fixture
def faults(tmp_path: Path) -> Callable[..., list[str]]:
    def of(server: Server, without: str | None = None) -> list[str]:
        (tmp_path / "dagster.yaml").write_text(server.dagster_yaml.read_text())
        secrets = dict.fromkeys(server.secrets, "from the secret store")
        environment = {**server.environment, **secrets, "DAGSTER_HOME": str(tmp_path)}
        environment = {name: value for name, value in environment.items() if not value.startswith("${")}
        environment.pop(without or "", None)
        return list(faults_of_server(environment, server.args[2]))

    return of


def test_all_three_servers_are_defined_everywhere() -> None:
    assert [server.where for server in SERVERS] == ["dcos"] * 3 + ["kubernetes"] * 3 + ["compose"] * 3


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_a_server_starts_with_what_its_definition_gives_it(server: Server, faults: Callable[..., list[str]]) -> None:
    assert server.args[:2] == ["markdown-pricing", "serve"]
    assert faults(server) == []
    assert "DAGSTER_PG_PASSWORD" in faults(server, without="DAGSTER_PG_PASSWORD")[0]


@pytest.mark.parametrize(
    ("which", "part", "plant", "place"),
    [
        ("kubernetes", "storage", {"postgres": {"postgres_db": {"password": "hunter2"}}}, "storage.postgres"),
        (
            "kubernetes",
            "storage",
            {"custom": {"config": {"postgres_db": {"password": "hunter2"}}}},
            "storage.custom.config.postgres_db.password",
        ),
        ("kubernetes", "run_launcher", {"config": {"env_vars": ["DB_PASSWORD"]}}, "run_launcher.config.env_vars[0]"),
        ("metronome", "run_launcher", {"config": {"env": {"Api_Token": "hunter2"}}}, "config.env.Api_Token"),
        ("metronome", "run_launcher", {"config": {"env": {"X": "https://u:hunter2@erp"}}}, "config.env.X"),
        (
            "metronome",
            "run_launcher",
            {"config": {"env": {"MARKDOWN_PRICING_ALERTS": "slack://hunter2/b/c"}}},
            "config.env.MARKDOWN_PRICING_ALERTS",
        ),
    ],
)
def test_a_secret_as_text_in_dagster_yaml_is_refused(
    tmp_path: Path, which: str, part: str, plant: dict[str, Any], place: str
) -> None:
    """It would stand in the arguments of every run's container."""
    config = yaml.safe_load((DATA / f"dagster.{which}.yaml").read_text())
    config[part] = plant
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))

    [*_, fault] = faults_of_server({**SERVERS[-1].environment, "DAGSTER_HOME": str(tmp_path)}, "daemon")

    assert place in fault
    assert "as text: give it as {env: NAME}" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_secrets_come_by_reference_only(server: Server) -> None:
    assert server.secrets <= SECRETS
    assert not SECRETS & set(server.environment)


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_only_who_asks_the_erp_has_its_password(server: Server) -> None:
    """On a cluster the code server's account there may only read; compose's code server holds the runs, too."""
    is_code_server = server.args[2] == "code-server"

    assert ("DB_PASSWORD" in server.secrets) == is_code_server
    if is_code_server and server.where != "compose":
        assert server.environment["DB_USER"] == "pricing_reader"


@pytest.mark.parametrize("file", sorted(DATA.glob("dagster.*.yaml")), ids=lambda file: file.name)
def test_dagsters_storage_has_to_show_who_it_is(file: Path) -> None:
    """By TLS with a certificate for its host. Only compose, whose network lies on one machine, does without."""
    params = yaml.safe_load(file.read_text())["storage"]["custom"]["config"]["postgres_db"]["params"]
    tried = yaml.safe_load((PROJECT / "docker/dagster.yaml").read_text())["storage"]["custom"]["config"]["postgres_db"][
        "params"
    ]

    assert params["sslmode"] == "verify-full"
    assert Path(params["sslrootcert"]).is_absolute()
    assert tried["sslmode"] == "disable"


def test_the_databases_that_we_start_are_of_one_current_minor() -> None:
    """PostgreSQL 15.20 of November 2026, which mends what earlier ones let in."""
    text = (PROJECT / "docker/compose.yaml").read_text() + (PROJECT / "deploy/dcos/postgres.json").read_text()

    assert set(re.findall(r"postgres:\d+\.[\w.-]+", text)) == {"postgres:15.20-bookworm"}


def test_runs_on_dcos_have_a_user_that_its_agents_know() -> None:
    launcher = yaml.safe_load((DATA / "dagster.metronome.yaml").read_text())["run_launcher"]["config"]

    assert launcher["user"] == "nobody"


def test_nobody_reaches_a_server_but_who_has_to() -> None:
    """Neither the page nor the code server asks for a password: what reaches one owns it."""
    for file in ("code-server", "web-server", "daemon"):
        app = json.loads((PROJECT / f"deploy/dcos/{file}.json").read_text())
        assert not [port for port in app["container"]["portMappings"] if "labels" in port], "no virtual address"
    web_server = json.loads((PROJECT / "deploy/dcos/web-server.json").read_text())
    # Admin Router, which asks who somebody is, is the way to the page.
    assert web_server["labels"]["DCOS_SERVICE_NAME"] == "markdown-pricing"
    assert web_server["args"][-2:] == ["--path-prefix", "/service/markdown-pricing"]
    compose = yaml.safe_load((PROJECT / "docker/compose.yaml").read_text())["services"]
    assert {name: service["ports"] for name, service in compose.items() if "ports" in service} == {
        "web-server": ["127.0.0.1:3000:3000"]
    }


def test_the_servers_listen_on_loopback_unless_they_are_told_otherwise() -> None:
    [host] = [parameter for parameter in cli.commands["serve"].params if parameter.name == "host"]

    assert host.default == "127.0.0.1"


def test_the_code_location_has_one_name_wherever_it_is_given() -> None:
    """`serve` starts without Dagster, and so does not read the name where Dagster's names are declared."""
    code_server = arguments_of({CODE_SERVER_PORT: "4000"}, "code-server", "127.0.0.1", None, False, "")
    [loaded] = yaml.safe_load((DATA / "workspace.grpc.yaml").read_text())["load_from"]

    assert code_server[code_server.index("--location-name") + 1] == LOCATION
    assert loaded["grpc_server"]["location_name"] == LOCATION


def test_a_page_for_those_who_only_look() -> None:
    web_server = arguments_of({CODE_SERVER_PORT: "4000"}, "web-server", "127.0.0.1", None, True, "/pricing")

    assert web_server[:3] == ["dagster_webserver", "--host", "127.0.0.1"]
    assert web_server[-3:] == ["--read-only", "--path-prefix", "/pricing"]
    assert web_server[web_server.index("--live-data-poll-rate") + 1] == "30000"
    with pytest.raises(UsageError, match="daemon has no page"):
        arguments_of({CODE_SERVER_PORT: "4000"}, "daemon", "127.0.0.1", None, True, "")


@pytest.mark.parametrize(("where", "page"), [("kubernetes", 3000), ("helm", 80)])
def test_every_pod_is_closed_and_opened_for_what_it_needs(where: str, page: int) -> None:
    file = PROJECT / "deploy" / where / "network.yaml"
    policies = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(file.read_text())}

    assert policies["nobody-comes-in-or-goes-out"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    reached = {name: spec["ingress"] for name, spec in policies.items() if "ingress" in spec}
    assert {name: [port["port"] for rule in rules for port in rule["ports"]] for name, rules in reached.items()} == {
        "code-server": [4000],
        "web-server": [page],
    }
    assert all(rule["from"] for rules in reached.values() for rule in rules)
    goes_out = {name: spec["egress"] for name, spec in policies.items() if "egress" in spec}
    assert set(goes_out) == {"names", "code-server", "runs", "web-server-and-daemon"}
    assert all(rule["ports"] for rules in goes_out.values() for rule in rules)


APP = {
    *(
        "id",
        "instances",
        "cpus",
        "mem",
        "disk",
        "args",
        "labels",
        "user",
        "container",
        "networks",
        "env",
        "secrets",
        "fetch",
    ),
    *("healthChecks", "upgradeStrategy", "unreachableStrategy", "taskKillGracePeriodSeconds", "dependencies"),
}
PARTS: dict[str, set[str]] = {
    "container": {"type", "docker", "volumes", "portMappings"},
    "upgradeStrategy": {"minimumHealthCapacity", "maximumOverCapacity"},
}
CHECK = {
    *("protocol", "command", "path", "portIndex", "gracePeriodSeconds", "intervalSeconds", "timeoutSeconds"),
    "maxConsecutiveFailures",
}
"""Those of the names in Marathon 1.5's API reference that our definitions use."""


@pytest.mark.parametrize("file", sorted((PROJECT / "deploy/dcos").glob("*.json")), ids=lambda file: file.stem)
def test_a_marathon_definition_has_checks_an_upgrade_strategy_and_known_fields(file: Path) -> None:
    app: dict[str, Any] = json.loads(file.read_text())
    [check] = app["healthChecks"]

    assert app["id"] == f"/markdown-pricing/{file.stem}"
    assert set(app) <= APP
    assert all(set(app[name]) <= known for name, known in PARTS.items())
    assert set(check) <= CHECK
    assert (check["protocol"] == "COMMAND") == ("command" in check)
    assert {name: value["source"] for name, value in app["secrets"].items()}
    # Two daemons, or two databases on one volume, must never live side by side.
    if file.stem in ("daemon", "postgres"):
        assert app["upgradeStrategy"] == {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}


def test_the_versions_of_all_definitions_are_one() -> None:
    images = {
        image
        for file in [*PROJECT.glob("deploy/**/*.json"), *PROJECT.glob("deploy/**/*.yaml")]
        for image in file.read_text().replace('"', " ").split()
        if image.startswith("registry.example.com/markdown-pricing:")
    }

    assert images == {f"registry.example.com/markdown-pricing:{__version__}"}


def test_the_charts_values_make_the_same_dagster_as_the_manifests() -> None:
    """The chart writes its dagster.yaml from them; only the name of its config map is another."""
    values = yaml.safe_load((PROJECT / "deploy/helm/values.yaml").read_text())
    ours = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
    storage = ours["storage"]["custom"]["config"]["postgres_db"]

    assert {**launcher["config"], "instance_config_map": "dagster"} == ours["run_launcher"]["config"]
    assert coordinator == ours["run_coordinator"]
    assert values["postgresql"]["postgresqlScheme"] == storage["scheme"]
    assert values["postgresql"]["postgresqlParams"] == storage["params"]
    snake = {
        re.sub(r"([A-Z])", r"_\1", name).lower(): v for name, v in values["dagsterDaemon"]["runMonitoring"].items()
    }
    assert snake == ours["run_monitoring"]
    for part in ("dagsterWebserver", "dagsterDaemon"):
        assert values[part]["image"]["tag"] == __version__


BASE = DATA / "dagster.yaml"
HANDED_OUT = [*sorted(DATA.glob("dagster.*.yaml")), PROJECT / "docker/dagster.yaml"]


@pytest.mark.parametrize("file", [BASE, *HANDED_OUT], ids=lambda f: f"{f.parent.name}/{f.name}")
def test_dagster_reads_every_dagster_yaml_that_we_hand_out(file: Path, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(file.read_text())
    instance = InstanceRef.from_dir(str(tmp_path))
    pools = instance.settings["concurrency"]["pools"]

    assert pools["granularity"] == "run"
    assert instance.settings["run_monitoring"]["max_runtime_seconds"] == 86400
    # Refused here if a name in its configuration is not known.
    assert isinstance(instance.run_coordinator, dg.QueuedRunCoordinator)

    (tmp_path / "dagster.yaml").write_text(file.read_text() + "\nplanted: {}\n")
    with pytest.raises(dg.DagsterInvalidConfigError, match="planted"):
        InstanceRef.from_dir(str(tmp_path))


def test_on_a_busy_machine_the_code_has_minutes_to_start(tmp_path: Path) -> None:
    """`make ui` once gave up after three minutes with a stack trace, while other work took the cores."""
    (tmp_path / "dagster.yaml").write_text(BASE.read_text())

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.code_server_process_startup_timeout == 900


@pytest.mark.parametrize("file", [BASE, *HANDED_OUT], ids=lambda f: f"{f.parent.name}/{f.name}")
def test_every_setting_of_dagster_yaml_has_its_reason(file: Path) -> None:
    """Beside it, or, where it is the same in the `dagster.yaml` for one machine, beside that one."""
    text, plain = file.read_text(), yaml.safe_load(BASE.read_text())
    sections = re.split(r"\n\n(?=\S)", text)[1:]

    without = [
        section
        for section in sections
        if "#" not in section and (file == BASE or not _is_part(yaml.safe_load(section), plain))
    ]

    assert without == []


def _is_part(of: Any, whole: Any) -> bool:
    """Whether each setting of the one is in the other."""
    if isinstance(of, dict) and isinstance(whole, dict):
        return all(name in whole and _is_part(value, whole[name]) for name, value in of.items())
    return bool(of == whole)
