"""Who may import whom, and what may not be imported in passing."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parent.parent / "markdown_pricing"
BASE = {
    "arrays",
    "codes",
    "columns",
    "currencies",
    "declared",
    "defaults",
    "erp.url",
    "errors",
    "installation.finding",
    "process.imported",
    "metronome.loopback",
    "old_habit",
    "over_weeks",
    "texts.shown",
    "texts.words",
    "weeks",
    "countries",
    "holidays",
    "worth",
}
SCIENCE = {"training_data", "demand", "markdown"}

MAY_IMPORT = {
    "codes": set(),
    "columns": {"codes", "old_habit"},
    "old_habit": set(),
    "declared": set(),
    "defaults": set(),
    "process.threads": set(),
    "errors": set(),
    "erp.url": {"errors"},
    "installation.files": {"decisions", "defaults", "errors", "markdown"},
    "installation.finding": set(),
    "installation.from_settings": BASE
    | {"erp", "experiments", "installation.files", "lake", "markdown", "installation.settings"},
    "process.imported": set(),
    "over_weeks": {"arrays"},
    "texts.words": set(),
    "worth": set(),
    "process.private": set(),
    "texts.shown": set(),
    "process.sqlite_log": set(),
    "process.workers": {"errors", "process.device", "process.imported", "process.threads"},
    "arrays": set(),
    "weeks": {"errors"},
    "forecast": {"arrays", "errors"},
    "countries": {"currencies", "declared", "defaults", "errors"},
    "currencies": {"defaults", "errors", "weeks"},
    "holidays": {"arrays"},
    "process.device": set(),
    "process.logs": set(),
    "texts.messages": {"errors", "metronome.loopback", "texts.words"},
    "installation.settings": BASE | {"process.device", "process.logs", "metronome.secret_texts"},
    "provenance": set(),
    "pictures.charts": set(),
    "pictures.sketches": set(),
    "pictures.drawings": {"codes", "pictures.sketches"},
    "lake": BASE,
    "training_data": BASE,
    "demand": BASE | {"forecast", "training_data"},
    "markdown": BASE | {"forecast"},
    "decisions": BASE,
    "outcomes": BASE | {"decisions", "forecast", "markdown"},
    "arms": BASE | {"markdown"},
    "kept.arms": BASE | SCIENCE | {"arms", "lake", "pricing", "kept"},
    "erp": BASE | {"process.sqlite_log"},
    "sample": BASE | {"lake", "markdown"},
    "pricing": BASE | SCIENCE | {"decisions", "forecast", "provenance"},
    "learnt_together": BASE | {"demand", "pricing"},
    "delivered": BASE | {"lake", "learnt_together", "pricing", "provenance", "training_data"},
    "kept": BASE | SCIENCE | {"decisions", "lake", "learnt_together", "pricing", "provenance"},
    "kept.sold_weeks": BASE | SCIENCE | {"decisions", "forecast", "lake", "outcomes", "pricing", "provenance", "kept"},
    "kept.across_countries": BASE | SCIENCE | {"lake", "kept"},
    "backtest": BASE | SCIENCE | {"forecast", "learnt_together", "provenance", "pricing", "sample"},
    "etl": BASE,
    "experiments": BASE | {"lake"},
    "orchestration": BASE
    | SCIENCE
    | {
        "decisions",
        "delivered",
        "learnt_together",
        "outcomes",
        "arms",
        "kept.arms",
        "kept.sold_weeks",
        "process.sqlite_log",
        "kept.across_countries",
        "lake",
        "erp",
        "pricing",
        "provenance",
        "kept",
        "pictures.drawings",
        "pictures.sketches",
        "process.logs",
        "texts.messages",
        "etl",
        "experiments",
        "installation.preflight",
        "process.private",
        "process.threads",
        "process.workers",
    },
    "installation.preflight": BASE
    | SCIENCE
    | {
        "kept.across_countries",
        "installation.from_settings",
        "lake",
        "erp",
        "kept",
        "installation.settings",
        "metronome",
        "installation.unmatched",
    },
    "installation.unmatched": BASE | {"lake", "markdown", "installation.settings"},
    "commands": BASE
    | SCIENCE
    | {
        "arms",
        "kept.arms",
        "decisions",
        "delivered",
        "learnt_together",
        "lake",
        "erp",
        "sample",
        "pricing",
        "backtest",
        "experiments",
        "pictures.charts",
        "provenance",
        "kept",
        "orchestration",
        "installation.settings",
        "installation.from_settings",
        "process.device",
        "installation.files",
        "process.logs",
        "metronome",
        "installation.preflight",
        "process.private",
        "metronome.secret_texts",
        "process.threads",
        "installation.unmatched",
        "process.workers",
    },
    "metronome": set(),
    "metronome.loopback": set(),
    "metronome.secret_texts": set(),
    "installation.resources": BASE
    | SCIENCE
    | {
        "process.device",
        "installation.files",
        "installation.from_settings",
        "kept",
        "lake",
        "process.logs",
        "orchestration",
        "installation.preflight",
        "pricing",
        "installation.settings",
    },
    "installation.upkeep": BASE | {"orchestration", "installation.settings", "metronome"},
    "definitions": BASE
    | {
        "installation.from_settings",
        "installation.resources",
        "orchestration",
        "installation.settings",
        "installation.upkeep",
    },
    "__main__": BASE | {"installation.settings", "commands"},
    "__init__": set(),
    **{folder: set() for folder in ("installation", "pictures", "process", "texts")},
}
LATE = {("orchestration", "definitions"), ("commands", "definitions")}
"""Imported inside a function: they start what Dagster loads."""


def part_of(module: str) -> str:
    """The part that a module of the package belongs to: itself, where MAY_IMPORT names it, or else its folder."""
    first_two = ".".join(module.split(".")[:2])
    return first_two if first_two in MAY_IMPORT else module.split(".")[0]


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield part_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts)), path


def imported(path: Path, nodes: Callable[[ast.AST], Iterator[ast.AST]] = ast.walk) -> Iterator[str]:
    for node in nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            of_a_folder = node.module == "markdown_pricing" or (PACKAGE.parent / node.module.replace(".", "/")).is_dir()
            yield from (f"{node.module}.{alias.name}" for alias in node.names) if of_a_folder else [node.module]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(("part", "path"), list(modules()), ids=lambda value: getattr(value, "stem", value))
def test_a_part_imports_only_what_the_layout_allows(part: str, path: Path) -> None:
    ours = {
        part_of(name.removeprefix("markdown_pricing."))
        for name in imported(path)
        if name.startswith("markdown_pricing.")
    } - {part, "DATA", "__version__"}

    assert part in MAY_IMPORT, f"{part} is new: say in the layout who may import whom"
    assert {other for other in ours if (part, other) not in LATE} <= MAY_IMPORT[part]


def test_every_package_of_others_that_is_imported_is_declared() -> None:
    """What only comes along with another package may be gone with that one's next version."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    stated = [*project["dependencies"], *(each for extra in extras if extra != "dev" for each in extras[extra])]
    declared = {_canonical(requirement) for requirement in stated}
    theirs = {name.split(".")[0] for _, path in modules() for name in imported(path)}
    theirs -= sys.stdlib_module_names | {PACKAGE.name}

    brought_by = {name: {_canonical(each) for each in packages_distributions().get(name, ())} for name in theirs}

    assert "yaml" in theirs
    assert {name for name, packages in brought_by.items() if not packages & declared} == set()


def _canonical(requirement: str) -> str:
    """The package that a requirement names, as registries compare names: https://peps.python.org/pep-0503/."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_only_orchestration_and_launcher_know_dagster() -> None:
    knows = {part for part, path in modules() if any(name.split(".")[0] == "dagster" for name in imported(path))}

    assert knows == {"orchestration", "metronome", "definitions", "installation.upkeep"}


def test_no_run_loads_the_plotting_library() -> None:
    """It takes a second of each process, which is as much as a small country's model."""
    draws = {part for part, path in modules() if any(name.split(".")[0] == "matplotlib" for name in imported(path))}

    assert draws == {"backtest", "pictures.charts", "commands"}
    assert not draws & MAY_IMPORT["orchestration"]


OF_SQLALCHEMY = {
    "orchestration/dagster_home.py": "Dagster's own storage raises its errors",
    "orchestration/local_storage.py": "the engines of Dagster's own storage are made there",
    "orchestration/pools.py": "Dagster's own storage raises its errors",
}
"""The modules beside `erp` that import SQLAlchemy, and why."""


def test_only_the_erp_knows_its_database() -> None:
    """Another ERP is another folder: everybody else hands its engine on, of which a type checker alone knows more."""
    knows = {
        path.relative_to(PACKAGE).as_posix()
        for part, path in modules()
        if part.partition(".")[0] != "erp"
        if "sqlalchemy" in {name.split(".")[0] for name in imported(path, _that_run)}
    }

    assert knows == OF_SQLALCHEMY.keys()


def _that_run(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, without what is there for a type checker alone."""
    yield node
    not_run = node.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else []
    for child in ast.iter_child_nodes(node):
        if child not in not_run:
            yield from _that_run(child)


@pytest.mark.parametrize("file", ["next_round.py", "situation.py", "round_decision.py"])
def test_what_starts_next_is_decided_without_dagster(file: str) -> None:
    names = set(imported(PACKAGE / "orchestration" / file))

    ours = {name.removeprefix("markdown_pricing.") for name in names if name.startswith("markdown_pricing")}
    assert ours <= {"weeks", "texts.words", "orchestration.situation", "orchestration.round_decision"}
    assert "dagster" not in {name.split(".")[0] for name in names}


SWALLOW = {
    "heartbeat": "a look that fails counts as an answer: no restart of the server mends what it could not ask",
    "logs": "what cannot be logged is said in its place",
    "event_lines": "a line that cannot be written must not stop a run",
    "messages": "each service says for itself why it did not take a message",
    "automation": "a run that cannot be canceled ends by itself",
    "tracker": "trials that are not kept must not stop what was tried",
    "workers": "a worker says what went wrong and takes the next piece of work",
}
"""The modules that go on after any error at all, a lack of memory included, and why."""


SETTINGS_OF_PLACES = {
    *("lake_url", "results_key", "allowed_models"),
    *("erp_url", "erp_user", "erp_password", "erp_schema"),
    *("countries_file", "currencies_file", "rules_file", "decision_reasons_file"),
}
"""The settings of which `from_settings` makes the lake, the ERP, the countries and their rules."""
ALSO_NAMED = {
    ("commands/metronome_jobs.py", "lake_url"): "the jobs get it in their environment",
    ("commands/metronome_jobs.py", "erp_url"): "the jobs get it in their environment",
    ("commands/metronome_jobs.py", "erp_user"): "the jobs get it in their environment",
    ("commands/price.py", "currencies_file"): "a sentence says in which file a line matches nothing",
    ("commands/promote.py", "rules_file"): "a trial keeps the text of the file",
    ("commands/run.py", "currencies_file"): "a sentence says in which file a line matches nothing",
    ("commands/shadow.py", "erp_schema"): "an ERP that is compared is asked with an account of its own",
    ("installation/preflight.py", "countries_file"): "a finding says which file was read",
    ("installation/preflight.py", "currencies_file"): "a sentence says in which file a line matches nothing",
    ("installation/preflight.py", "rules_file"): "a finding says which file was read",
}
"""Where else one of them is named, and why."""
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
TOUCH_ENVIRONMENT = {
    "__main__.py": "the command line begins here",
    "commands/people.py": "the command line begins here, too",
    "commands/run.py": "Dagster and the workers read from it what the command has decided",
    "definitions.py": "what Dagster loads begins here",
    "experiments/tracker.py": "MLflow takes its limits and its password from nothing else",
    "metronome/resource.py": "dagster.yaml names the variable of the password",
    "orchestration/etl.py": "Pipes hands all of it to the Spark job",
    "orchestration/heartbeat.py": "a program of its own",
    "orchestration/local_runs.py": "Dagster finds its instance by nothing else",
    "process/threads.py": "BLAS and OpenMP read their limits from nothing else",
}
"""The modules that read or change the environment of their process, and why. All others are given what they need."""
BY_NAME = {
    "arrays": "a dataclass gives its fields' values by name alone",
    "errors": "pickle asks an error for its values",
    "erp/errors": "Python's database API has no field for the code of an error",
    "lake/filesystem": "every call of hdfs-native's client gets a limit of time",
    "demand/model": "an operator names a model of somebody else's",
    "metronome/__init__": "dagster.yaml names the launcher, and nobody else is to load Dagster for it",
}
"""The modules that look for something by a name that is known only when they run, and why there is no plainer way."""


def test_nothing_is_looked_for_by_a_name_where_code_can_say_it() -> None:
    reflection = re.compile(
        r"(?<![\w.])(getattr|hasattr|setattr|delattr|vars|globals|locals|__import__)\("
        r"|__dict__|__getattr__|__class__|__func__|__dataclass_fields__|import_module|inspect\.getmembers"
    )
    found = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
        if reflection.search(path.read_text())
    }

    assert found == set(BY_NAME)


OVERWRITTEN = {
    ("lake/filesystem", "filesystem.client"): "fsspec's class takes an address, and no client that has limits of time",
    ("orchestration/local_storage", "ScriptDirectory.from_config"): "Dagster has Alembic read all migrations each time",
    ("orchestration/local_storage", "storage.create_engine"): "Dagster makes an engine for each connection",
    ("orchestration/pooled_storage", "part._engine"): "the parts of Dagster's storage make their engine themselves",
    ("orchestration/pooled_storage", "self._run_storage.dispose"): "of the storage's parts Dagster disposes, not of it",
}
"""What the package puts in the place of a library's function or of the inner part of a library's object, and why."""
INNER_PARTS = {"client", "create_engine"}
"""What is one although neither its name nor the type checker says so."""


def test_a_library_is_changed_only_where_it_leaves_no_other_way() -> None:
    found = {
        (path.relative_to(PACKAGE).with_suffix("").as_posix(), ast.unparse(target))
        for path in PACKAGE.rglob("*.py")
        for target, line in _assigned_attributes(path)
        if target.attr.startswith("_") or target.attr in INNER_PARTS or "ignore[method-assign]" in line
    }

    assert found == OVERWRITTEN.keys()


def _assigned_attributes(path: Path) -> Iterator[tuple[ast.Attribute, str]]:
    """Each attribute of something else than `self` that the module assigns to, with the line in which it does so."""
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) != "self":
            yield node, lines[node.lineno - 1]


def test_types_of_arrays_are_declared_once() -> None:
    declared_again = re.compile(r"NDArray\[np\.(float64|int64|bool_|object_)\]")
    places = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if declared_again.search(path.read_text())]
    assert places == [Path("arrays.py")]


def test_what_settings_name_is_made_in_one_place() -> None:
    named = {
        (str(path.relative_to(PACKAGE)), node.attr)
        for part, path in modules()
        if part != "installation.from_settings"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in SETTINGS_OF_PLACES
    }

    assert named == ALSO_NAMED.keys()


def test_the_environment_is_read_where_a_process_begins() -> None:
    touch = {str(path.relative_to(PACKAGE)) for _, path in modules() if _touches_environment(path)}

    assert touch == TOUCH_ENVIRONMENT.keys()


def _touches_environment(path: Path) -> bool:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"}
    names = {
        each.name for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "os" for each in node.names
    }
    return bool(ENVIRONMENT & (attributes | names))


SAME_NAME = {
    "main": "each program begins there",
    "decisions": "the asset, and the command",
    "make_snapshot": "the Spark job, and the run that starts it",
    "page": "the page of an article, of a job, or of a report",
    "price": "the command, and a price in words",
    "plain": "a text without control characters, and a picture without a frame",
    "read": "one decision, and one answer of a cluster",
    "promote": "the command, and the model's part of it",
    "pseudonymise": "the command, and the rows' part of it",
}
"""Functions of one name, which stand for one idea in different places, or never meet in one module."""


def test_two_ideas_have_two_names() -> None:
    """A command has the name of what it does, and the figures of an asset have the asset's."""
    homes: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, set()).add(path.relative_to(PACKAGE).as_posix())
    may_share = {"__main__.py", "commands/people.py", "orchestration/figures.py"}

    shared = {name for name, places in homes.items() if len(places - may_share) > 1}
    assert shared == SAME_NAME.keys()


def test_columns_that_several_folders_read_are_declared_once() -> None:
    typed = re.compile(r"[\"'](price_until|stock_to_come)[\"']")
    places = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if typed.search(path.read_text())]
    assert places == [Path("columns.py")]


def test_no_two_classes_have_one_name() -> None:
    """Two meanings have two names."""
    names = [
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]

    assert {name for name, number in Counter(names).items() if number > 1} == set()


def test_the_assets_are_one_page() -> None:
    """Each of them reads, calls what does the work, and reports; how it is done stands elsewhere."""
    text = (PACKAGE / "orchestration" / "assets.py").read_text()
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    bodies = [(each.end_lineno or 0) - each.body[1].lineno + 1 for each in functions if ast.get_docstring(each)]

    assert len(text.splitlines()) < 250
    assert len(bodies) == len(functions)
    assert median(bodies) <= 10


def test_types_are_checked_of_all_that_is_no_test() -> None:
    checked = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["mypy"]

    assert checked["strict"]
    assert set(checked["files"]) == {"markdown_pricing", "bench", "examples"}


def test_a_lack_of_memory_is_never_taken_for_a_fault_of_the_data() -> None:
    """Who goes on after any error raises this one again, so that the run is tried again with more memory."""
    for path in (path for _, path in modules() if path.stem not in SWALLOW):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Try) and any(_names(handler) & {"Exception", ""} for handler in node.handlers):
                raised = [handler for handler in node.handlers if isinstance(handler.body[-1], ast.Raise)]
                assert any(_names(handler) & {"MemoryError", "TRY_AGAIN"} for handler in raised), (path, node.lineno)


def _names(handler: ast.ExceptHandler) -> set[str]:
    """The classes that it catches, by their names in the code; an empty one for all of them."""
    if handler.type is None:
        return {""}
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("library", ["fsspec", "hdfs_native", "io", "os", "pathlib", "sqlalchemy"])
def test_the_science_does_no_io(library: str) -> None:
    for part, path in modules():
        if part in SCIENCE | {"arms", "decisions", "learnt_together", "pricing"}:
            assert library not in {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("arguments", [["-c", "import markdown_pricing"], ["-m", "markdown_pricing", "--help"]])
def test_help_comes_at_once_because_nothing_heavy_is_imported(arguments: list[str]) -> None:
    heavy = {"dagster", "pandas", "lightgbm", "pyarrow", "numpy", "sqlalchemy", "matplotlib", "scipy", "rich"}

    told = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in told.stderr.splitlines()}
    assert not loaded & heavy


@pytest.mark.parametrize("bench", sorted((PACKAGE.parent / "bench").glob("*.py")), ids=lambda file: file.stem)
def test_a_bench_finds_what_stands_beside_the_package_when_it_is_called_as_it_says(bench: Path) -> None:
    """`python bench/one.py` looks for modules in bench/, unless the bench says that they lie one folder above."""
    beside = {name.split(".")[0] for name in imported(bench)} & {"bench", "tests", "examples"}
    assert not beside or "sys.path.insert(0, " in bench.read_text()
