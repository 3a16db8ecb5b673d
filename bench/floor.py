"""The bare floor of pricing: pyarrow reads the columns, LightGBM fits and predicts once, and COPY writes the rows.

Fits, predict and rows are those of a real run, which `keep` makes beforehand: making matrices and rows is our work, not
the floor's. Each of the three below is a process of its own, so that its peak memory is its own.

    keep FOLDER COUNTRY…   prices the countries and keeps in FOLDER what LightGBM was given
    floor FOLDER COUNTRY…  does the bare minimum with it; PostgreSQL's database is BARE_ERP's
    ours COUNTRY…          prices the countries, from the snapshot to the ERP, as `markdown-pricing run` does
"""

import json
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

WEEK = date(2026, 2, 9)
PARTS = ("read", "fit", "predict", "copy")
DATASET = ("data", "label", "weight", "init_score", "feature_name", "categorical_feature", "params")

Figures = dict[str, float]


@dataclass(frozen=True)
class Place:
    """Where a round finds its lake, its ERP and Dagster's storage."""

    lake: str
    erp: str
    bare_erp: str
    user: str
    home: Path

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "MARKDOWN_PRICING_LAKE": self.lake,
            "MARKDOWN_PRICING_ERP": self.erp,
            "BARE_ERP": self.bare_erp,
            "DB_USER": self.user,
            "DAGSTER_HOME": str(self.home),
            "MARKDOWN_PRICING_MODEL": "gradient_boosting",
            # LightGBM computes on one thread, and so do the matrix products around it.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }


def in_a_process(place: Place, what: str, *arguments: str) -> dict[str, Any]:
    """What that process has measured: the figures of each country by its code, and `peak_mib` of the process."""
    command = [sys.executable, __file__, what, *arguments]
    quiet = {**place.environ, "MARKDOWN_PRICING_LOG": "off"}
    told = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(told.stdout.splitlines()[-1]))


def ours(countries: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    import markdown_pricing.demand.gradient_boosting  # noqa: F401  (imports are not the country's)
    from markdown_pricing.orchestration.dagster_home import make_dagster_home
    from markdown_pricing.orchestration.local_runs import load_definitions, price_country

    make_dagster_home(Path(os.environ["DAGSTER_HOME"]))
    load_definitions()
    for country in countries:
        outcome = price_country(WEEK, country)
        assert not outcome.failed, outcome.message
        yield country, {"seconds": outcome.seconds}


def keep(folder: Path, countries: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    for country in countries:
        (folder / country).mkdir(parents=True)
        with _keeping(folder / country):
            yield from ours([country])


@contextmanager
def _keeping(folder: Path) -> Iterator[None]:
    """Keep each fit in a file, and the last prediction, which is that of the rows to price."""
    import lightgbm as lgb

    train, predict, numbers = lgb.train, lgb.Booster.predict, count()

    def kept_train(params: dict[str, Any], train_set: lgb.Dataset, **given: Any) -> lgb.Booster:
        dataset = {name: getattr(train_set, name) for name in DATASET}
        file = folder / f"fit-{next(numbers)}"
        file.write_bytes(pickle.dumps((dataset, {"params": params, **given})))
        return train(params, train_set, **given)

    def kept_predict(booster: lgb.Booster, data: Any, **given: Any) -> Any:
        (folder / "predict").write_bytes(pickle.dumps((booster.model_to_string(), data, given)))
        return predict(booster, data, **given)

    with patch.object(lgb, "train", kept_train), patch.object(lgb.Booster, "predict", kept_predict):
        yield


def floor(folder: Path, countries: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    for country in countries:
        seconds = dict.fromkeys(PARTS, 0.0)
        for part in _floor_of(folder / country, country):
            seconds[part.name] += part.seconds
        yield country, {"seconds": sum(seconds.values()), **seconds}


@dataclass
class Part:
    """One timed part of the floor."""

    name: str
    seconds: float = 0.0

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.began


def _floor_of(folder: Path, country: str) -> Iterator[Part]:
    """The timed parts in their order. What is loaded between them is not timed."""
    import lightgbm as lgb
    import pyarrow.dataset as ds

    from markdown_pricing.lake.filesystem import Lake
    from markdown_pricing.lake.snapshot import find_snapshot
    from markdown_pricing.training_data.schema import columns_to_read

    lake = Lake(os.environ["MARKDOWN_PRICING_LAKE"])
    files = [f"{lake.root}/{file.path}" for file in find_snapshot(lake, WEEK).files[country]]
    filesystem = lake.filesystem if lake.url.startswith("hdfs") else None
    with (part := Part("read")):
        parts = ds.dataset(files, filesystem=filesystem)
        table = parts.to_table(columns=columns_to_read(parts.schema.names))
    yield part
    for file in sorted(folder.glob("fit-*")):
        dataset, given = pickle.loads(file.read_bytes())
        with (part := Part("fit")):
            lgb.train(train_set=lgb.Dataset(**dataset), **given)
        yield part
    model, data, given = pickle.loads((folder / "predict").read_bytes())
    booster = lgb.Booster(model_str=model)
    with (part := Part("predict")):
        booster.predict(data, **given)
    yield part
    yield _copied(country)
    assert table.num_rows  # stays in memory to the end, because the rows to predict and to copy are made from it


def _copied(country: str) -> Part:
    """Write the country's rows, as the text that COPY reads, into the tables by one COPY each."""
    import psycopg

    from markdown_pricing.erp.tables import engine_for, ensure_tables

    user, bare_url = os.environ["DB_USER"], os.environ["BARE_ERP"]
    ensure_tables(engine_for(bare_url, user, None))
    tables, texts = ("markdown_recommendations", "markdown_price_path", "markdown_options"), []
    with (
        psycopg.connect(os.environ["MARKDOWN_PRICING_ERP"], user=user) as full,
        psycopg.connect(bare_url, user=user) as bare,
    ):
        for table in tables:
            bare.execute(f"DELETE FROM {table} WHERE country = %s", (country,))
            with full.cursor().copy(f"COPY (SELECT * FROM {table} WHERE country = '{country}') TO STDOUT") as out:
                texts.append(b"".join(out))
        bare.commit()
        with (part := Part("copy")):
            for table, text in zip(tables, texts, strict=True):
                with bare.cursor().copy(f"COPY {table} FROM STDIN") as copying:
                    copying.write(text)
            bare.commit()
    assert all(texts), f"{country} has no rows in the ERP"
    return part


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "ours":
        measured = dict(ours(arguments))
    else:
        measured = dict({"keep": keep, "floor": floor}[what](Path(arguments[0]), arguments[1:]))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"countries": measured, "peak_mib": peak_kib / 1024}))
