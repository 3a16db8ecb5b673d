"""All that an installation decides is read from the environment, once."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from markdown_pricing.erp.url import parse_erp_url
from markdown_pricing.installation.settings import SET_BY_OTHERS, VARIABLES, BadSettings, Settings, Variable
from markdown_pricing.metronome import MetronomeResource


def test_without_any_setting_everything_lives_in_the_project() -> None:
    settings = Settings.from_env({})
    project = Path(__file__).parents[2]

    assert settings.lake_url == str(project / ".local/lake")
    assert settings.erp_url == f"sqlite:///{project}/.local/erp.sqlite"
    assert settings.dagster_home == project / ".local/dagster"
    assert settings.start_week == date(2020, 1, 6)
    assert settings.keep_weeks == 104
    assert settings.country_group is None


def test_a_password_is_never_printed() -> None:
    settings = Settings.from_env({"DB_USER": "pricing", "DB_PASSWORD": "hunter2"})

    assert settings.erp_password == "hunter2"
    assert "hunter2" not in repr(settings)


def test_every_fault_is_told_at_once_with_its_variable() -> None:
    with pytest.raises(BadSettings) as raised:
        Settings.from_env(
            {
                "MARKDOWN_PRICING_ENV": "staging",
                "MARKDOWN_PRICING_DEVICE": "tpu",
                "MARKDOWN_PRICING_START_WEEK": "2026-02-10",
                "MARKDOWN_PRICING_KEEP_WEEKS": "0",
                "MARKDOWN_PRICING_COUNTRIES": "/nowhere/countries.csv",
                "MARKDOWN_PRICING_RULES": "/nowhere/rules.toml",
                "MARKDOWN_PRICING_DECISION_REASONS": "/nowhere/decision_reasons.toml",
                "MARKDOWN_PRICING_ERP": "postgresql://pricing:hunter2@erp/prices",
            }
        )

    for variable in ("ENV", "DEVICE", "START_WEEK", "KEEP_WEEKS", "COUNTRIES", "RULES", "DECISION_REASONS", "ERP"):
        assert f"MARKDOWN_PRICING_{variable}" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("weeks", ["-1", "8.5", "two", "²", "99999"])
def test_how_long_results_are_kept_is_a_number_of_weeks(weeks: str) -> None:
    with pytest.raises(BadSettings, match=f"KEEP_WEEKS={weeks}: a whole number of weeks"):
        Settings.from_env({"MARKDOWN_PRICING_KEEP_WEEKS": weeks})


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("MARKDOWN_PRICING_ERP", "postgresql://erp/prices?password=hunter2"),
        ("MARKDOWN_PRICING_ERP", "postgresql://erp/prices?sslmode=require&PassWord=hunter2"),
        ("MARKDOWN_PRICING_LAKE", "s3://key:hunter2@bucket/lake"),
        ("MARKDOWN_PRICING_RAW", "sftp://etl:hunter2@files/raw"),
        ("METRONOME_URL", "https://robot:hunter2@dcos.example.com"),
    ],
)
def test_a_url_that_is_shown_and_handed_on_holds_no_password(variable: str, url: str) -> None:
    with pytest.raises(BadSettings, match=f"{variable} holds a password") as raised:
        Settings.from_env({variable: url})

    assert "hunter2" not in str(raised.value)


def test_every_secret_of_the_environment_is_masked_with_those_inside_urls() -> None:
    settings = Settings.from_env(
        {
            "DB_PASSWORD": "erp pass&word",
            "DAGSTER_PG_PASSWORD": "storage",
            "METRONOME_PASSWORD": "cluster",
            "AWS_SECRET_ACCESS_KEY": "of-the-bucket",
            "MARKDOWN_PRICING_EXPERIMENTS": "https://robot:of%2Fmlflow@mlflow.example.com",
            "MARKDOWN_PRICING_ALERTS": "slack://a/b/c mailto://robot:of-mail@example.com",
            "HTTPS_PROXY": "http://robot:of-the-proxy@proxy.example.com",
            "TOKEN": "short",
            "PWD": "/home/pricing",
        }
    )

    masked = {"erp pass&word", "erp+pass%26word", "storage", "cluster", "of-the-bucket", "of%2Fmlflow", "of/mlflow"}
    assert masked | {"slack://a/b/c", "of-mail", "of-the-proxy"} <= set(settings.secrets)
    assert not {"short", "/home/pricing", "https://robot:of%2Fmlflow@mlflow.example.com"} & set(settings.secrets)
    assert list(settings.secrets) == sorted(settings.secrets, key=lambda secret: (-len(secret), secret))
    assert "storage" not in repr(settings)


@pytest.mark.parametrize(("group", "countries"), [("DEU,AUT", ("DEU", "AUT")), ("", ("",)), ("DEU,", ("DEU", ""))])
def test_the_country_group_keeps_its_empty_places_for_the_command_to_refuse(
    group: str, countries: tuple[str, ...]
) -> None:
    assert Settings.from_env({"COUNTRY_GROUP": group}).country_group == countries


def test_a_test_environment_shares_no_place_with_production() -> None:
    given = {
        "MARKDOWN_PRICING_LAKE": "hdfs://prod/data/production",
        "MARKDOWN_PRICING_ERP": "postgresql://erp/prices",
    }
    production = Settings.from_env(given)
    test = Settings.from_env({**given, "MARKDOWN_PRICING_ENV": "test"})

    assert test.lake_url == "hdfs://prod/data/production/test"
    assert (production.erp_schema, test.erp_schema) == (None, "markdown_pricing_test")
    assert Settings.from_env({"MARKDOWN_PRICING_ENV": "test"}).dagster_home != Settings.from_env({}).dagster_home


def test_a_test_has_a_dagster_database_of_its_own() -> None:
    test = {"MARKDOWN_PRICING_ENV": "test", "DAGSTER_HOME": "/srv/dagster"}

    assert Settings.from_env({**test, "DAGSTER_PG_DB": "dagster_test"}).dagster_home == Path("/srv/dagster/test")
    with pytest.raises(BadSettings, match=r"DAGSTER_PG_DB=dagster: .* ends in _test"):
        Settings.from_env({**test, "DAGSTER_PG_DB": "dagster"})


def test_on_a_cluster_lake_and_erp_have_no_default() -> None:
    """They would be thrown away with the container."""
    with pytest.raises(BadSettings) as raised:
        Settings.from_env({}, needs_places=True)

    assert {fault.split()[0] for fault in raised.value.faults} == {"MARKDOWN_PRICING_LAKE", "MARKDOWN_PRICING_ERP"}


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_described_for_those_who_set_it(variable: str) -> None:
    project = Path(__file__).parents[2]
    pages = [project / "README.md", *(project / "docs").glob("*.md")]

    assert any(variable in page.read_text() for page in pages)


def test_no_variable_is_named_in_the_product_that_is_not_declared() -> None:
    """Neither in its code nor in the files that Dagster's servers are configured with."""
    package = Path(__file__).parents[2] / "markdown_pricing"
    files = [*package.rglob("*.py"), *(package / "data").glob("*.yaml")]
    named = {name for file in files for name in re.findall(r"\b(?:MARKDOWN_PRICING|METRONOME)_\w+", file.read_text())}

    assert named - {"METRONOME_", "METRONOME_CPUS", "METRONOME_MEM"} <= VARIABLES.keys()


COMPUTED = {
    "commands/serve.py": "what dagster.yaml takes from it",
    "experiments/tracker.py": "what MLflow reads",
    "installation/settings.py": "all that is declared, one after the other",
    "metronome/resource.py": "dagster.yaml names the variable of the password",
    "process/threads.py": "what BLAS and OpenMP read",
}
"""The modules that ask an environment for names that are no constants, and for which."""


def test_each_name_that_an_environment_is_asked_for_is_declared() -> None:
    package = Path(__file__).parents[2] / "markdown_pricing"
    asked = {path: list(_asked_names(path)) for path in package.rglob("*.py")}

    names = {name for own in asked.values() for name in own if name is not None}
    computed = {path.relative_to(package).as_posix() for path, own in asked.items() if None in own}
    assert "DAGSTER_HOME" in names
    assert SET_BY_OTHERS.keys() <= names <= VARIABLES.keys() | SET_BY_OTHERS.keys()
    assert computed == COMPUTED.keys()


def _asked_names(path: Path) -> Iterator[str | None]:
    """The names that a module asks an environment for; None for one that is no constant."""
    environment = {"environ", "os.environ"}
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Subscript(value=where, slice=key) if ast.unparse(where) in environment:
                yield _constant(path, key)
            case ast.Call(func=ast.Attribute(value=where, attr="get" | "setdefault" | "pop"), args=[key, *_]):
                if ast.unparse(where) in environment:
                    yield _constant(path, key)
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[where]):
                if ast.unparse(where) in environment:
                    yield _constant(path, key)


def _constant(path: Path, key: ast.expr) -> str | None:
    if isinstance(key, ast.Constant):
        return str(key.value)
    if isinstance(key, ast.Name) and key.id.isupper():
        project = Path(__file__).parents[2]
        module = ".".join(path.relative_to(project).with_suffix("").parts)
        return str(vars(importlib.import_module(module))[key.id])
    return None


def test_each_variable_of_the_cluster_is_a_field_of_its_resource() -> None:
    cluster = {name: "given" for name in VARIABLES if name.startswith("METRONOME_")}

    given = Settings.from_env(cluster).metronome

    assert given.keys() <= MetronomeResource.model_fields.keys()
    assert len(given) == len(cluster)
    assert given["password_env"] == "METRONOME_PASSWORD"


@pytest.mark.parametrize("variable", ["MARKDOWN_PRICING_ENV", "MARKDOWN_PRICING_DEVICE", "MARKDOWN_PRICING_LOG"])
def test_a_variable_with_few_choices_takes_no_other(variable: str) -> None:
    with pytest.raises(BadSettings, match=f"{variable}=odd: one of {', '.join(VARIABLES[variable].choices)}"):
        Settings.from_env({variable: "odd"})


@pytest.mark.parametrize("variable", [*VARIABLES.values(), *SET_BY_OTHERS.values()], ids=lambda variable: variable.name)
def test_what_a_variable_is_can_be_read_alone(variable: Variable) -> None:
    """The meaning stands in a message by itself, without the variables beside it."""
    assert variable.meaning.startswith(("the ", "for how many "))
    assert not variable.meaning.endswith(".")


def test_a_fault_says_what_its_variable_is() -> None:
    with pytest.raises(BadSettings) as raised:
        Settings.from_env({"MARKDOWN_PRICING_DEVICE": "tpu", "MARKDOWN_PRICING_RULES": "absent.toml"})

    for name in ("MARKDOWN_PRICING_DEVICE", "MARKDOWN_PRICING_RULES"):
        assert f"{name} is {VARIABLES[name].meaning}." in str(raised.value)


def test_each_field_of_the_settings_is_described() -> None:
    [settings] = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(settings, ast.ClassDef)
    bare = [
        ast.unparse(field.target)
        for field, described in pairwise(settings.body)
        if isinstance(field, ast.AnnAssign) and not isinstance(described, ast.Expr)
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("given", "of_the_test"),
    [
        ("sqlite:////data/erp.sqlite", "sqlite:////data/test-erp.sqlite"),
        ("sqlite+pysqlite:////data/erp.sqlite", "sqlite+pysqlite:////data/test-erp.sqlite"),
        ("sqlite:///erp.sqlite?timeout=9", "sqlite:///test-erp.sqlite?timeout=9"),
        ("sqlite:///file:/data/erp.sqlite?uri=true", "sqlite:///file:/data/test-erp.sqlite?uri=true"),
        (" sqlite:////data/erp.sqlite", "sqlite:////data/test-erp.sqlite"),
    ],
)
def test_a_test_has_a_file_of_its_own_however_productions_is_written(given: str, of_the_test: str) -> None:
    """The parsed URL decides."""
    settings = Settings.from_env({"MARKDOWN_PRICING_ENV": "test", "MARKDOWN_PRICING_ERP": given})

    assert parse_erp_url(settings.erp_url) == parse_erp_url(of_the_test)


@pytest.mark.parametrize("driver", ["", "+psycopg", "+psycopg2"])
def test_a_test_has_a_schema_of_its_own_whatever_the_driver(driver: str) -> None:
    url = f"postgresql{driver}://erp/prices"

    settings = Settings.from_env({"MARKDOWN_PRICING_ENV": "test", "MARKDOWN_PRICING_ERP": url})

    assert (settings.erp_url, settings.erp_schema) == (url, "markdown_pricing_test")


@pytest.mark.parametrize("url", ["mysql://erp/prices", "erp.sqlite", "SQLITE:////data/erp.sqlite", "sqlite://d/e.db"])
def test_an_erp_that_is_none_is_a_bad_setting(url: str) -> None:
    """Before anything is priced."""
    with pytest.raises(BadSettings, match="MARKDOWN_PRICING_ERP is"):
        Settings.from_env({"MARKDOWN_PRICING_ERP": url})


@pytest.mark.parametrize("place", ["h:5432/db", "h/db", "h:5432"])
def test_a_sign_in_an_option_of_the_erps_url_is_no_password(place: str) -> None:
    """Nor is what stands before it: the database is that before the question mark."""
    url = f"postgresql://{place}?sslrootcert=/etc/ssl/me@corp.pem"

    assert Settings.from_env({"MARKDOWN_PRICING_ERP": url}).erp_url == url
    parsed = parse_erp_url(url)
    assert (parsed.host, parsed.password) == ("h", None)
    assert parsed.query["sslrootcert"] == "/etc/ssl/me@corp.pem"


def test_dagsters_home_may_be_named_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster itself takes no such name, and what a command starts may have another working folder."""
    monkeypatch.chdir(tmp_path)

    assert Settings.from_env({"DAGSTER_HOME": "dh"}).dagster_home == tmp_path / "dh"


def test_blanks_around_a_setting_are_no_part_of_it() -> None:
    """Of a secret they may be."""
    given = {"MARKDOWN_PRICING_LAKE": " hdfs://lake/data ", "MARKDOWN_PRICING_ENV": "test\n", "DB_PASSWORD": " a b "}

    settings = Settings.from_env(given)

    assert (settings.lake_url, settings.environment) == ("hdfs://lake/data/test", "test")
    assert settings.erp_password == " a b "


@pytest.mark.parametrize("variable", ["MARKDOWN_PRICING_LAKE", "MARKDOWN_PRICING_RAW"])
def test_a_sign_in_the_path_of_a_lake_is_no_password(variable: str) -> None:
    """It stands behind the host and the port."""
    Settings.from_env({variable: "hdfs://namenode:8020/home/me@example.com/lake"})


def test_whoever_gives_no_erp_does_not_wait_for_what_takes_urls_apart() -> None:
    """As `price` and `backtest`, for which SQLAlchemy is a tenth of what they import."""
    asked = (
        "import sys; from markdown_pricing.installation.settings import Settings; "
        "Settings.from_env({}); print('sqlalchemy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout == "False\n"
