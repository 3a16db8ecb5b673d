"""Everything that is read from the environment, once, at the start of a process."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote_plus, unquote

from markdown_pricing import DATA
from markdown_pricing.defaults import (
    COUNTRIES_FILE,
    CURRENCIES_FILE,
    DECISION_REASONS_FILE,
    DEFAULT_MODEL,
    RULES_FILE,
)
from markdown_pricing.erp.url import BadErpUrl, beside_production, parse_erp_url
from markdown_pricing.errors import UsageError
from markdown_pricing.metronome.secret_texts import names_a_secret, secrets_in
from markdown_pricing.process.device import DEVICES
from markdown_pricing.process.logs import DESTINATIONS
from markdown_pricing.weeks import NotAWeek, parse_week

ENVIRONMENTS = ("production", "test")
TEST_SCHEMA = "markdown_pricing_test"
TEST_DATABASE = "_test"
"""How the name of a Dagster database ends that a test may write to."""

MOST_WEEKS = 5200
"""A century, which stands for ever and is still a date."""


@dataclass(frozen=True)
class Variable:
    """One variable of the environment.

    meaning : what it is, as a phrase that a message can go on with ; choices : all that it may be, when they are few
    """

    name: str
    meaning: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    """Whether its value may be written nowhere."""


PREFIX = "MARKDOWN_PRICING_"
"""How the names of our own variables begin."""
CODE_SERVER, CODE_SERVER_PORT = f"{PREFIX}CODE_SERVER", f"{PREFIX}CODE_SERVER_PORT"
CONTAINER, COUNTRY_GROUP = f"{PREFIX}CONTAINER", "COUNTRY_GROUP"
LAKE, ERP, LOG = f"{PREFIX}LAKE", f"{PREFIX}ERP", f"{PREFIX}LOG"
SHADOW_USER, SHADOW_PASSWORD = f"{PREFIX}SHADOW_USER", f"{PREFIX}SHADOW_PASSWORD"
METRONOME, METRONOME_PASSWORD = "METRONOME_", "METRONOME_PASSWORD"
VARIABLES = {
    variable.name: variable
    for variable in (
        Variable(
            f"{PREFIX}ENV",
            "the kind of installation; test has places of its own",
            "production",
            ENVIRONMENTS,
        ),
        Variable(LAKE, "the URL or the folder of the lake; when not set, .local/lake of the project"),
        Variable(ERP, "the ERP's SQLAlchemy URL without a password; when not set, a SQLite file in .local"),
        Variable("DB_USER", "the account that logs in to the ERP"),
        Variable("DB_PASSWORD", "the password of the ERP's account", secret=True),
        Variable(SHADOW_USER, "the account that `shadow` reads ERPs with, which may only read"),
        Variable(SHADOW_PASSWORD, "the password of the account that `shadow` reads ERPs with", secret=True),
        Variable(f"{PREFIX}COUNTRIES", "the file of the countries that are priced", str(COUNTRIES_FILE)),
        Variable(f"{PREFIX}RULES", "the file of the rules that prices obey", str(RULES_FILE)),
        Variable(f"{PREFIX}CURRENCIES", "the file of changes of currency", str(CURRENCIES_FILE)),
        Variable(
            f"{PREFIX}DECISION_REASONS",
            "the file of the codes that say why somebody changed or rejected a price",
            str(DECISION_REASONS_FILE),
        ),
        Variable(f"{PREFIX}START_WEEK", "the first week that is due, named by its Monday", "2020-01-06"),
        Variable(
            f"{PREFIX}KEEP_WEEKS",
            "for how many weeks models and training data stay on the lake after they were written",
            "104",
        ),
        Variable("DAGSTER_HOME", "the folder of Dagster's storage; when not set, .local/dagster of the project"),
        Variable("DAGSTER_PG_DB", "the name of Dagster's database; that of a test ends in _test"),
        Variable("DAGSTER_PG_PASSWORD", "the password of Dagster's account in its database", secret=True),
        Variable(COUNTRY_GROUP, "the countries that one container works through, with commas between"),
        Variable(
            f"{PREFIX}MODEL", f"the demand model; when not set, the champion, and {DEFAULT_MODEL} before there is one"
        ),
        Variable(
            f"{PREFIX}ALLOWED_MODELS",
            "the models that may be loaded beside the package's own and MODEL, with commas between",
        ),
        Variable(f"{PREFIX}RESULTS_KEY", "the key that what is kept on the lake is signed with", secret=True),
        Variable(f"{PREFIX}EXPERIMENTS", "the URI of the MLflow store of trials; when not set, no trial is kept"),
        Variable(f"{PREFIX}DEVICE", "the device on which models compute that can use a GPU", "auto", DEVICES),
        Variable(
            LOG,
            "the place where log lines go; when not set, standard output unless that is a terminal",
            None,
            DESTINATIONS,
        ),
        Variable(f"{PREFIX}ALERTS", "the URLs that messages go to, with blanks between", secret=True),
        Variable(f"{PREFIX}RAW", "the folder of the raw tables; when not set, somebody else makes the snapshot"),
        Variable(f"{PREFIX}SPARK_SUBMIT", "the command that runs the Spark job; when not set, that of this Python"),
        Variable(CODE_SERVER, "the host of the code server, which web server and daemon on a cluster need"),
        Variable(CODE_SERVER_PORT, "the port of the code server", "4000"),
        Variable(CONTAINER, "the mark of a container of the image, with which all that lies in it is thrown away"),
        Variable(f"{PREFIX}IMAGE", "the image of the runs' containers, which dagster.yaml hands to the run launcher"),
        Variable(
            "METRONOME_URL", "the URL of the cluster whose Metronome runs the jobs; when not set, runs are no jobs"
        ),
        Variable("METRONOME_JOB_PREFIX", "the text with which the ids of Metronome jobs begin"),
        Variable("METRONOME_CA_FILE", "the file of the CA that signs the cluster's certificate"),
        Variable("METRONOME_UID", "the account that logs in to the cluster"),
        Variable("METRONOME_PRIVATE_KEY_FILE", "the file of the private key of the cluster's account"),
        Variable(METRONOME_PASSWORD, "the password of the cluster's account, where it has no private key", secret=True),
    )
}
"""All that an operator sets. README and docs describe each variable, which a test checks."""
KUBERNETES, MAKE = "KUBERNETES_SERVICE_HOST", "MAKELEVEL"
SET_BY_OTHERS = {
    variable.name: variable
    for variable in (
        Variable(KUBERNETES, "the host of its API server, which Kubernetes names to every container"),
        Variable(MAKE, "the depth of make, which it tells whatever it starts"),
    )
}
"""What is read beside them, and is set by no operator."""
SECRETS = frozenset(name for name, variable in VARIABLES.items() if variable.secret)
LEAST_SECRET = 8
"""Characters of a secret in a variable that is not ours: a shorter one may be a word that messages have."""

_PASSWORD_OF = {
    ERP: "DB_PASSWORD",
    LAKE: "the file system's own variables",
    f"{PREFIX}RAW": "the file system's own variables",
    "METRONOME_URL": "METRONOME_PASSWORD",
}
"""URLs that are shown and handed on, and where the password goes instead."""


class BadSettings(UsageError):
    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  - {fault}{_meaning(fault)}" for fault in faults)
        super().__init__(f"The environment has settings that can't be used:{listed}\nCorrect them and start again.")


def _meaning(fault: str) -> str:
    """What the variable is with which a fault begins, on a line of its own; empty where it begins with none."""
    named = re.match(r"[A-Z_]+", fault)
    declared = VARIABLES.get(named[0]) if named else None
    return f"\n    {declared.name} is {declared.meaning}." if declared else ""


@dataclass(frozen=True)
class Settings:
    """What an installation decides; without any of it everything lives in the project's `.local`.

    A `test` environment keeps to a lake root, ERP tables and Dagster storage of its own.
    """

    environment: str
    """`production` or `test`."""
    lake_url: str
    """The root of the lake; that of a test is its own."""
    erp_url: str
    """The ERP's SQLAlchemy URL, without a password."""
    erp_schema: str | None
    """The schema of the ERP's tables; None is the account's default."""
    erp_user: str | None
    """The account that logs in to the ERP; None where the database asks for none."""
    erp_password: str | None = field(repr=False)
    """The password of that account."""
    shadow_user: str | None
    """The account that `shadow` reads ERPs with."""
    shadow_password: str | None = field(repr=False)
    """The password of that account."""
    countries_file: Path
    """The file of the countries that are priced."""
    rules_file: Path
    """The file of the rules that prices obey."""
    currencies_file: Path
    """The file of changes of currency."""
    decision_reasons_file: Path
    """The file of the codes that say why somebody changed or rejected a price."""
    start_week: date
    """The first week that is due, by its Monday."""
    keep_weeks: int
    """How many weeks models, training data and what the countries share stay on the lake after they were written."""
    dagster_home: Path
    """The folder of Dagster's storage; that of a test is its own."""
    country_group: tuple[str, ...] | None
    """The codes of the countries that this container works through; None is all of them."""
    demand_model: str
    """The model's name, as `make_model` takes it."""
    follow_champion: bool
    """Whether a promoted champion takes the place of `demand_model`: unless the model is set."""
    allowed_models: tuple[str, ...]
    """Models that may be loaded, beside the package's own, when the lake or Dagster's page names them."""
    results_key: str | None = field(repr=False)
    """What is kept on the lake is signed with it; None signs nothing."""
    experiments: str | None = field(repr=False)
    """MLflow's URI for trials; None keeps none."""
    device: str
    """The device on which models compute that can use a GPU: one of DEVICES."""
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
    in_kubernetes: bool
    """Whether this is a pod: Kubernetes names its API server to every container."""
    secrets: tuple[str, ...] = field(repr=False)
    """What may stand in no log line, the longest first."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], needs_places: bool = False) -> "Settings":
        """The settings that `environ` holds; raises BadSettings, which lists every fault with its variable.

        needs_places : lake and ERP have to be given; their default would be lost with the container
        """
        given = {name: _given(environ, declared) or declared.default or "" for name, declared in VARIABLES.items()}
        if faults := list(_faults_of(given, needs_places)):
            raise BadSettings(faults)
        is_test = given[f"{PREFIX}ENV"] == "test"
        local = _project() / ".local"
        # Dagster takes no other, and what a command starts may have another working folder.
        dagster_home = Path(given["DAGSTER_HOME"] or local / "dagster").absolute()
        erp_url = _erp_url(given[ERP], local, is_test)
        # What takes a URL apart takes a moment to import, which nobody needs who has given none.
        has_schemas = bool(given[ERP]) and parse_erp_url(erp_url).get_backend_name() == "postgresql"
        return cls(
            environment=given[f"{PREFIX}ENV"],
            lake_url=_lake_url(given[LAKE], local, is_test),
            erp_url=erp_url,
            erp_schema=TEST_SCHEMA if is_test and has_schemas else None,
            erp_user=given["DB_USER"] or None,
            erp_password=given["DB_PASSWORD"] or None,
            shadow_user=given[SHADOW_USER] or None,
            shadow_password=given[SHADOW_PASSWORD] or None,
            countries_file=Path(given[f"{PREFIX}COUNTRIES"]),
            rules_file=Path(given[f"{PREFIX}RULES"]),
            currencies_file=Path(given[f"{PREFIX}CURRENCIES"]),
            decision_reasons_file=Path(given[f"{PREFIX}DECISION_REASONS"]),
            start_week=parse_week(given[f"{PREFIX}START_WEEK"]),
            keep_weeks=int(given[f"{PREFIX}KEEP_WEEKS"]),
            dagster_home=dagster_home / "test" if is_test else dagster_home,
            # One that is set and empty names an empty country, which the command refuses.
            country_group=tuple(given[COUNTRY_GROUP].split(",")) if COUNTRY_GROUP in environ else None,
            demand_model=given[f"{PREFIX}MODEL"] or DEFAULT_MODEL,
            follow_champion=not given[f"{PREFIX}MODEL"],
            allowed_models=_allowed_models(given),
            results_key=given[f"{PREFIX}RESULTS_KEY"] or None,
            experiments=given[f"{PREFIX}EXPERIMENTS"] or None,
            device=given[f"{PREFIX}DEVICE"],
            log=given[LOG] or None,
            alert_urls=tuple(given[f"{PREFIX}ALERTS"].split()),
            raw_url=given[f"{PREFIX}RAW"] or None,
            spark_submit=tuple(shlex.split(given[f"{PREFIX}SPARK_SUBMIT"])),
            metronome=_metronome(given),
            in_kubernetes=bool(environ.get(KUBERNETES)),
            secrets=secrets_of(environ),
        )


def _given(environ: Mapping[str, str], declared: Variable) -> str:
    """The value of a variable; blanks around it, as an editor or a YAML file leaves them, are no part of it."""
    value = environ.get(declared.name) or ""
    return value if declared.secret else value.strip()


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets that an environment holds, with those inside its URLs, as they are and as a URL writes them.

    Longest first, so that a whole URL is masked before the password in it.
    """
    ours = [environ.get(name) or "" for name in VARIABLES]
    secrets = {environ.get(name) or "" for name in SECRETS} - {""}
    secrets |= {part for text in secrets for part in text.split()}  # of several URLs each
    secrets |= {secret for text in ours for secret in secrets_in(text)}
    others = {name: text for name, text in environ.items() if name != "PWD"}  # a shell's working folder
    named = {text for name, text in others.items() if names_a_secret(name)}
    inside = {secret for text in others.values() for secret in secrets_in(text)}
    secrets |= {secret for secret in named | inside if len(secret) >= LEAST_SECRET}
    secrets |= {form for secret in secrets for form in (unquote(secret), quote_plus(secret))}
    return tuple(sorted(secrets, key=lambda secret: (-len(secret), secret)))


def _allowed_models(given: Mapping[str, str]) -> tuple[str, ...]:
    listed = given[f"{PREFIX}ALLOWED_MODELS"].split(",")
    return tuple(name for each in (*listed, given[f"{PREFIX}MODEL"]) if (name := each.strip()))


def in_container(environ: Mapping[str, str]) -> bool:
    """Whether this is a container of the image, which is thrown away with all that lies in it."""
    return bool(environ.get(CONTAINER))


def _faults_of(given: Mapping[str, str], needs_places: bool) -> Iterator[str]:
    """Everything that is wrong with the values of the variables. Each fault begins with its variable."""
    for name, declared in VARIABLES.items():
        if declared.choices and given[name] not in (declared.default or "", *declared.choices):
            yield f"{name}={given[name]}: one of {', '.join(declared.choices)}"
    database = given["DAGSTER_PG_DB"]
    if given[f"{PREFIX}ENV"] == "test" and database and not database.endswith(TEST_DATABASE):
        yield f"DAGSTER_PG_DB={database}: a test has a database of its own, whose name ends in _test"
    if needs_places:
        for name in (LAKE, ERP):
            if not given[name]:
                yield f"{name} is not set, and on a cluster its default would be lost: give the installation's own"
    for name, place in _PASSWORD_OF.items():
        if any(secrets_in(given[name])):
            yield f"{name} holds a password: give it as {place}, never in the URL"
    try:
        if given[ERP]:
            parse_erp_url(given[ERP])
    except BadErpUrl as error:
        if not any(secrets_in(given[ERP])):  # which is said above
            yield f"{ERP} {error.why}"
    for name in (f"{PREFIX}{file}" for file in ("COUNTRIES", "RULES", "CURRENCIES", "DECISION_REASONS")):
        if not Path(given[name]).is_file():
            yield f"{name}={given[name]}: there is no such file"
    keep = given[f"{PREFIX}KEEP_WEEKS"]
    if not (keep.isascii() and keep.isdecimal() and 1 <= int(keep) <= MOST_WEEKS):
        yield f"{PREFIX}KEEP_WEEKS={keep}: a whole number of weeks from 1 to {MOST_WEEKS}"
    try:
        parse_week(given[f"{PREFIX}START_WEEK"])
    except NotAWeek as error:
        yield f"{PREFIX}START_WEEK: {error}"


def _lake_url(given: str, local: Path, is_test: bool) -> str:
    """The lake's root; a test has its own below the one that is given, or in a folder of its own."""
    if not given:
        return str((local / "test" if is_test else local) / "lake")
    return given.rstrip("/") + "/test" if is_test else given


def _erp_url(given: str, local: Path, is_test: bool) -> str:
    """The ERP's URL. A test has a SQLite file of its own; on PostgreSQL it has a schema of its own."""
    if not given:
        return f"sqlite:///{(local / 'test' if is_test else local) / 'erp.sqlite'}"
    return beside_production(parse_erp_url(given)).render_as_string() if is_test else given


def _metronome(given: Mapping[str, str]) -> dict[str, str]:
    """The resource's fields that METRONOME_URL and its like are named after; none without METRONOME_URL.

    The password stays in its variable, which only the client reads.
    """
    if not given[f"{METRONOME}URL"]:
        return {}
    fields = {
        name.removeprefix(METRONOME).lower(): value
        for name, value in given.items()
        if name.startswith(METRONOME) and name != METRONOME_PASSWORD and value
    }
    return fields | ({"password_env": METRONOME_PASSWORD} if given[METRONOME_PASSWORD] else {})


def _project() -> Path:
    """The checkout that this package lies in, or the working folder where it was installed without one."""
    checkout = DATA.resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
