"""Everything that is read from the environment, once, at the start of a process."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote_plus, unquote

from markdown_pricing.device import DEVICES
from markdown_pricing.errors import UsageError
from markdown_pricing.logs import DESTINATIONS
from markdown_pricing.metronome.secret_texts import names_a_secret, secrets_in
from markdown_pricing.weeks import NotAWeek, parse_week

DATA = Path(__file__).parent / "data"
ENVIRONMENTS = ("production", "test")
TEST_SCHEMA = "markdown_pricing_test"
TEST_DATABASE = "_test"
"""How the name of a Dagster database ends that a test may write to."""


@dataclass(frozen=True)
class Variable:
    """One variable of the environment; `choices` are all that it may be, when they are few."""

    name: str
    meaning: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    """Whether its value may be written nowhere."""


_OWN = "MARKDOWN_PRICING_"
VARIABLES = {
    variable.name: variable
    for variable in (
        Variable(f"{_OWN}ENV", "production, or test with places of its own", "production", ENVIRONMENTS),
        Variable(f"{_OWN}LAKE", "URL or folder of the lake; the project's .local/lake when not set"),
        Variable(f"{_OWN}ERP", "SQLAlchemy URL without password; a SQLite file in .local when not set"),
        Variable("DB_USER", "the ERP's account"),
        Variable("DB_PASSWORD", "its password, a secret", secret=True),
        Variable(f"{_OWN}COUNTRIES", "the countries file", str(DATA / "countries.csv")),
        Variable(f"{_OWN}RULES", "the rules file", str(DATA / "rules.toml")),
        Variable(f"{_OWN}START_WEEK", "first week that is due, a Monday", "2020-01-06"),
        Variable("DAGSTER_HOME", "folder of Dagster's storage; .local/dagster when not set"),
        Variable("DAGSTER_PG_DB", "Dagster's database, whose name ends in _test for a test"),
        Variable("DAGSTER_PG_PASSWORD", "the password of Dagster's account there, a secret", secret=True),
        Variable("COUNTRY_GROUP", "the countries that one container works through, with commas between"),
        Variable(f"{_OWN}MODEL", "the demand model; the champion when not set, else gradient_boosting"),
        Variable(
            f"{_OWN}ALLOWED_MODELS", "models that may be loaded beside the package's own and MODEL, commas between"
        ),
        Variable(f"{_OWN}RESULTS_KEY", "the key that models on the lake are signed with, a secret", secret=True),
        Variable(f"{_OWN}EXPERIMENTS", "MLflow's URI for trials; none are kept when not set"),
        Variable(f"{_OWN}DEVICE", "where models compute that can use a GPU", "auto", DEVICES),
        Variable(
            f"{_OWN}LOG", "where log lines go; when not set it hangs on whether somebody looks", None, DESTINATIONS
        ),
        Variable(f"{_OWN}ALERTS", "URLs that messages go to, with blanks between; a secret", secret=True),
        Variable(f"{_OWN}RAW", "where the raw tables lie; somebody else makes the snapshot when not set"),
        Variable(f"{_OWN}SPARK_SUBMIT", "the command that takes the Spark job; this Python's when not set"),
        Variable("METRONOME_URL", "the cluster's Metronome; runs are no Metronome jobs when not set"),
        Variable("METRONOME_JOB_PREFIX", "how the ids of its jobs begin"),
        Variable("METRONOME_CA_FILE", "the cluster's certificate"),
        Variable("METRONOME_UID", "the account on the cluster"),
        Variable("METRONOME_PRIVATE_KEY_FILE", "the account's key"),
        Variable("METRONOME_PASSWORD", "or its password, a secret", secret=True),
    )
}
"""All that is read from the environment; README and docs describe each, which a test sees to."""
SECRETS = frozenset(name for name, variable in VARIABLES.items() if variable.secret)
LEAST_SECRET = 8
"""Characters of a secret in a variable that is not ours: a shorter one may be a word that messages have."""

_PASSWORD_OF = {
    f"{_OWN}ERP": "DB_PASSWORD",
    f"{_OWN}LAKE": "the file system's own variables",
    f"{_OWN}RAW": "the file system's own variables",
    "METRONOME_URL": "METRONOME_PASSWORD",
}
"""URLs that are shown and handed on, and where the password goes instead."""


class BadSettings(UsageError):
    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"The environment has settings that can't be used:{listed}\nCorrect them and start again.")


@dataclass(frozen=True)
class Settings:
    """What an installation decides; without any of it everything lives in the project's `.local`.

    A `test` environment keeps to a lake root, ERP tables and Dagster storage of its own.
    """

    environment: str
    lake_url: str
    erp_url: str
    erp_schema: str | None
    erp_user: str | None
    erp_password: str | None = field(repr=False)
    countries_file: Path
    rules_file: Path
    start_week: date
    dagster_home: Path
    country_group: tuple[str, ...] | None
    demand_model: str
    follow_champion: bool
    """Whether a promoted champion takes the place of `demand_model`: unless the model is set."""
    allowed_models: tuple[str, ...]
    """That are loaded by their name on the lake or on Dagster's page, beside the package's own."""
    results_key: str | None = field(repr=False)
    """Models on the lake are signed with it; None signs none."""
    experiments: str | None = field(repr=False)
    """MLflow's URI for trials; None keeps none."""
    device: str
    log: str | None
    """Where log lines go; None leaves it to whether somebody looks."""
    alert_urls: tuple[str, ...] = field(repr=False)
    """Where messages go, as apprise has it; there may be passwords in them."""
    raw_url: str | None
    """Where the raw tables lie; None leaves the snapshot to somebody else's ETL."""
    spark_submit: tuple[str, ...]
    """The command that the Spark job is given to; this Python's, on this machine, when empty."""
    metronome: Mapping[str, str]
    """Fields of the resource `metronome`; empty where runs are not Metronome jobs."""
    secrets: tuple[str, ...] = field(repr=False)
    """What may stand in no log line, the longest first."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], needs_places: bool = False) -> "Settings":
        """The settings that `environ` holds; raises BadSettings, which lists every fault with its variable.

        needs_places : lake and ERP have to be given; their default would be lost with the container
        """
        faults: list[str] = []
        given = {name: environ.get(name) or declared.default for name, declared in VARIABLES.items()}
        faults += [
            f"{name}={given[name]}: one of {', '.join(declared.choices)}"
            for name, declared in VARIABLES.items()
            if declared.choices and given[name] not in (declared.default, *declared.choices)
        ]
        environment = given["MARKDOWN_PRICING_ENV"] or ""
        is_test = environment == "test"
        home = _project() / ".local" / "test" if is_test else _project() / ".local"
        dagster_home = Path(environ.get("DAGSTER_HOME") or _project() / ".local" / "dagster")
        database = environ.get("DAGSTER_PG_DB")
        if is_test and database and not database.endswith(TEST_DATABASE):
            faults.append(f"DAGSTER_PG_DB={database}: a test has a database of its own, whose name ends in _test")
        if needs_places:
            faults += [
                f"{name} is not set, and on a cluster its default would be lost: give the installation's own"
                for name in ("MARKDOWN_PRICING_LAKE", "MARKDOWN_PRICING_ERP")
                if not environ.get(name)
            ]
        lake_url = environ.get("MARKDOWN_PRICING_LAKE")
        if lake_url and is_test:
            lake_url = lake_url.rstrip("/") + "/test"
        erp_url = environ.get("MARKDOWN_PRICING_ERP") or ""
        faults += [
            f"{name} holds a password: give it as {place}, never in the URL"
            for name, place in _PASSWORD_OF.items()
            if any(secrets_in(environ.get(name) or ""))
        ]
        if erp_url.startswith("sqlite:///") and is_test:
            file = Path(erp_url.removeprefix("sqlite:///"))
            erp_url = f"sqlite:///{file.with_name('test-' + file.name)}"
        files = {}
        for variable in ("MARKDOWN_PRICING_COUNTRIES", "MARKDOWN_PRICING_RULES"):
            files[variable] = Path(given[variable] or "")
            if not files[variable].is_file():
                faults.append(f"{variable}={given[variable]}: there is no such file")
        start_week = date.min
        try:
            start_week = parse_week(given["MARKDOWN_PRICING_START_WEEK"] or "")
        except NotAWeek as error:
            faults.append(f"MARKDOWN_PRICING_START_WEEK: {error}")
        if faults:
            raise BadSettings(faults)
        group = environ.get("COUNTRY_GROUP")
        return cls(
            environment=environment,
            lake_url=lake_url or str(home / "lake"),
            erp_url=erp_url or f"sqlite:///{home / 'erp.sqlite'}",
            erp_schema=TEST_SCHEMA if is_test and erp_url.startswith("postgresql") else None,
            erp_user=environ.get("DB_USER") or None,
            erp_password=environ.get("DB_PASSWORD") or None,
            countries_file=files["MARKDOWN_PRICING_COUNTRIES"],
            rules_file=files["MARKDOWN_PRICING_RULES"],
            start_week=start_week,
            dagster_home=dagster_home / "test" if is_test else dagster_home,
            country_group=None if group is None else tuple(group.split(",")),
            demand_model=environ.get("MARKDOWN_PRICING_MODEL") or "gradient_boosting",
            follow_champion=not environ.get("MARKDOWN_PRICING_MODEL"),
            allowed_models=_allowed_models(environ),
            results_key=environ.get("MARKDOWN_PRICING_RESULTS_KEY") or None,
            experiments=environ.get("MARKDOWN_PRICING_EXPERIMENTS") or None,
            device=given["MARKDOWN_PRICING_DEVICE"] or "",
            log=given["MARKDOWN_PRICING_LOG"],
            alert_urls=tuple((environ.get("MARKDOWN_PRICING_ALERTS") or "").split()),
            raw_url=environ.get("MARKDOWN_PRICING_RAW") or None,
            spark_submit=tuple(shlex.split(environ.get("MARKDOWN_PRICING_SPARK_SUBMIT") or "")),
            metronome=_metronome(environ),
            secrets=secrets_of(environ),
        )


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets that an environment holds, with those inside its URLs, as they are and as a URL writes them.

    Longest first, so that a whole URL is masked before the password in it.
    """
    of_ours = [environ.get(name) or "" for name in VARIABLES]
    found = {environ.get(name) or "" for name in SECRETS} - {""}
    found |= {part for text in found for part in text.split()}  # of several URLs each
    found |= {secret for text in of_ours for secret in secrets_in(text)}
    others = {name: text for name, text in environ.items() if name != "PWD"}  # a shell's working folder
    named = {text for name, text in others.items() if names_a_secret(name)}
    inside = {secret for text in others.values() for secret in secrets_in(text)}
    found |= {secret for secret in named | inside if len(secret) >= LEAST_SECRET}
    found |= {form for secret in found for form in (unquote(secret), quote_plus(secret))}
    return tuple(sorted(found, key=lambda secret: (-len(secret), secret)))


def _allowed_models(environ: Mapping[str, str]) -> tuple[str, ...]:
    listed = (environ.get("MARKDOWN_PRICING_ALLOWED_MODELS") or "").split(",")
    own = environ.get("MARKDOWN_PRICING_MODEL") or ""
    return tuple(name for each in (*listed, own) if (name := each.strip()))


def in_container(environ: Mapping[str, str]) -> bool:
    """Whether this is a container of the image, which is thrown away with all that lies in it."""
    return bool(environ.get("MARKDOWN_PRICING_CONTAINER"))


def _metronome(environ: Mapping[str, str]) -> dict[str, str]:
    """METRONOME_URL and its like; the password stays in its variable, which only the client reads."""
    if not environ.get("METRONOME_URL"):
        return {}
    fields = ("url", "job_prefix", "ca_file", "uid", "private_key_file")
    given = {name: value for name in fields if (value := environ.get(f"METRONOME_{name.upper()}"))}
    return given | ({"password_env": "METRONOME_PASSWORD"} if environ.get("METRONOME_PASSWORD") else {})


def _project() -> Path:
    """The checkout that this package lies in, or the working folder where it was installed without one."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
