"""The paths of files and folders in the lake, relative to its root, for a week and a country, and back.

The ETL builds on these names, too.
"""

import re
from datetime import date
from fnmatch import fnmatchcase

from markdown_pricing.weeks import NotAWeek, parse_week

SNAPSHOTS = "markdown_training_data"
PREDICTIONS = "markdown_predictions"
OPTIONS = "markdown_options"
OUTCOMES = "markdown_outcomes"
TRAINING_DATA = "markdown_pricing/training_data"
MODELS = "markdown_pricing/models"
KEPT_PREDICTIONS = "markdown_pricing/predictions"
SHARED_DEMAND = "markdown_pricing/shared_demand"
DECISIONS = "markdown_pricing/decisions"
KEPT_OUTCOMES = "markdown_pricing/outcomes"
ARM_DRAWS = "markdown_pricing/arms/draws.bin"
"""The file of all draws of cells that are held on the old habit."""
ARM_DRAW_UNDER_WAY = "markdown_pricing/arms/draws.lock"
"""Who draws holds it, so that two draws at the same moment can't overwrite each other."""

PLANNED = "_planned"
"""The name of the folder in a country's folder that says what is planned for weeks to come."""
KEPT = "markdown_pricing"
"""The folder of what is kept between the assets."""
OURS = (PREDICTIONS, OPTIONS, OUTCOMES, KEPT)
"""The folders that only this package writes to."""

MADE_BY = {
    SNAPSHOTS: "markdown_training_data",
    PREDICTIONS: "markdown_predictions",
    OPTIONS: "markdown_predictions",
    TRAINING_DATA: "training_data",
    MODELS: "demand_model",
    KEPT_PREDICTIONS: "markdown_predictions",
    SHARED_DEMAND: "shared_demand",
    DECISIONS: "decisions",
    OUTCOMES: "outcomes",
    KEPT_OUTCOMES: "outcomes",
}
"""For each folder the asset that fills it."""


def snapshot_folder(week: date) -> str:
    """The folder of a week's delivery, as a path within the lake, like those of all functions here.

    >>> snapshot_folder(date(2026, 2, 9))
    'markdown_training_data/2026-02-09'
    """
    return f"{SNAPSHOTS}/{week}"


def success_file(week: date) -> str:
    """The file that Spark writes last. When it exists, the week has been delivered."""
    return f"{snapshot_folder(week)}/_SUCCESS"


def country_folder(week: date, country: str) -> str:
    """The folder of one country's part files.

    >>> country_folder(date(2026, 2, 9), "DEU")
    'markdown_training_data/2026-02-09/country=DEU'
    """
    return f"{snapshot_folder(week)}/country={country}"


def planned_folder(week: date, country: str) -> str:
    """Beside the country's rows: what is planned for weeks to come. Readers of the data pass it over by its name."""
    return f"{country_folder(week, country)}/{PLANNED}"


def training_data_file(week: date, country: str) -> str:
    """What one country has sold and is to price, sealed, for the assets that follow."""
    return f"{TRAINING_DATA}/{week}/country={country}/training_data.bin"


def model_file(week: date, country: str) -> str:
    """The country's demand model, sealed."""
    return f"{MODELS}/{week}/country={country}/model.bin"


def predictions_file(week: date, country: str) -> str:
    """The rows of markdown_recommendations, for everybody who reads the lake."""
    return f"{PREDICTIONS}/{week}/country={country}/part-0.parquet"


def options_file(week: date, country: str) -> str:
    """The rows of markdown_options, for everybody who reads the lake."""
    return f"{OPTIONS}/{week}/country={country}/part-0.parquet"


def kept_predictions_file(week: date, country: str) -> str:
    """Rows, price paths and options, as the refresh reads them; the files of each are for everybody else."""
    return f"{KEPT_PREDICTIONS}/{week}/country={country}/predictions.bin"


def decisions_file(week: date, country: str) -> str:
    """What people had decided when the week was priced, so that it can be priced again as it was."""
    return f"{DECISIONS}/{week}/country={country}/decisions.bin"


def outcomes_file(week: date, country: str) -> str:
    """The rows of markdown_outcomes, for everybody who reads the lake."""
    return f"{OUTCOMES}/{week}/country={country}/part-0.parquet"


def kept_outcomes_file(week: date, country: str) -> str:
    """The week's ledger and its sums, as the ERP gets them; the file of the rows is for everybody else."""
    return f"{KEPT_OUTCOMES}/{week}/country={country}/outcomes.bin"


def shared_demand_file(week: date, stamp: str) -> str:
    """The file of one delivery of a week, so that a country never uses what was learnt from another delivery."""
    return f"{SHARED_DEMAND}/{week}/snapshot={stamp}/shared_demand.bin"


def week_of_folder(name: str) -> date | None:
    """The week a folder is named after, or None when it is something else.

    >>> week_of_folder("2026-02-09")
    datetime.date(2026, 2, 9)
    >>> week_of_folder("_temporary")
    """
    try:
        week = parse_week(name)
    except NotAWeek:
        return None
    return week if str(week) == name else None


def country_of_folder(name: str) -> str | None:
    """The country a folder is named after, or None when it is something else.

    >>> country_of_folder("country=DEU")
    'DEU'
    >>> country_of_folder("_temporary")
    """
    match = re.fullmatch(r"country=([A-Z]{3})", name)
    return match[1] if match else None


def is_part_file(name: str) -> bool:
    """Whether `name` is that of a part file of data.

    >>> is_part_file("part-00000-c2b5.c000.snappy.parquet"), is_part_file(".part-0.parquet.crc")
    (True, False)
    """
    return fnmatchcase(name, "part-*.parquet")


def unfinished(name: str, token: str) -> str:
    """The name of a file beside its place while it is written, which readers of data skip.

    >>> unfinished("part-0.parquet", "00c0ffee00c0ffee")
    '.part-0.parquet.00c0ffee00c0ffee.tmp'
    """
    return f".{name}.{token}.tmp"


def is_unfinished(name: str) -> bool:
    """Whether `name` is that of a file which is being written, or was when its writer died.

    >>> is_unfinished(".part-0.parquet.00c0ffee00c0ffee.tmp"), is_unfinished(".part-0.parquet.crc")
    (True, False)
    """
    return re.fullmatch(r"\..+\.[0-9a-f]{16}\.tmp", name) is not None


def made_by(path: str) -> str | None:
    """The asset whose result lies at `path`.

    >>> made_by("markdown_pricing/models/2026-02-09/country=DEU/model.bin")
    'demand_model'
    """
    return next((asset for folder, asset in MADE_BY.items() if path.startswith(folder + "/")), None)
