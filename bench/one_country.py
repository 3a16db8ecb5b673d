"""One country from snapshot to ERP beside the bare cost of reading, training and predicting the same with LightGBM.

    python bench/one_country.py [--articles 400] [--runs 3]

Each figure is a process of its own, the two in turn, so that the ratio holds on a noisy machine. Ours reads the
snapshot, checks it, fits, evaluates, plans, publishes and refreshes SQLite. The floor reads the same columns, fits
LightGBM on the same matrices with the same parameters and predicts the same rows; making those matrices is ours.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

WEEK, COUNTRY = date(2026, 2, 9), "DEU"


def ours(root: Path, keep_matrices: bool) -> dict[str, float]:
    import lightgbm as lgb
    import numpy as np

    from markdown_pricing.definitions import build
    from markdown_pricing.orchestration.automation import JOB
    from markdown_pricing.settings import Settings

    if keep_matrices:
        bare_dataset, calls = lgb.Dataset, []

        def dataset(data: Any, **given: Any) -> lgb.Dataset:
            matrix = root / f"matrix-{len(calls)}.npz"
            np.savez(matrix, data=data, **{name: given[name] for name in ("label", "weight", "init_score")})
            names = {name: given[name] for name in ("feature_name", "categorical_feature")}
            calls.append({"file": str(matrix), "params": given["params"], **names})
            (root / "matrices.json").write_text(json.dumps(calls))
            return bare_dataset(data, **given)

        lgb.Dataset = dataset
    settings = Settings.from_env(
        {"MARKDOWN_PRICING_LAKE": str(root / "lake"), "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite"}
    )
    job = build(settings).resolve_job_def(JOB)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    import markdown_pricing.demand.gradient_boosting  # noqa: F401  (its import is not the country's)

    started = time.perf_counter()
    result = job.execute_in_process(partition_key=f"{COUNTRY}|{WEEK}", run_config=quiet)
    assert result.success
    return measured(started)


def floor(root: Path) -> dict[str, float]:
    import lightgbm as lgb
    import numpy as np
    import pyarrow.dataset as ds

    from markdown_pricing.demand.gradient_boosting import ROUNDS
    from markdown_pricing.training_data.schema import columns_to_read

    calls = json.loads((root / "matrices.json").read_text())
    matrices = [dict(np.load(call["file"])) for call in calls]
    started = time.perf_counter()
    parts = ds.dataset(root / "lake/markdown_training_data" / str(WEEK) / f"country={COUNTRY}")
    table = parts.to_table(columns=columns_to_read(parts.schema.names))
    for call, matrix in zip(calls, matrices, strict=True):
        params = {**call.pop("params"), "seed": 1, "num_threads": 1}
        call.pop("file")
        booster = lgb.train(params, lgb.Dataset(**matrix, **call, params=params), num_boost_round=ROUNDS)
        booster.predict(matrix["data"][: table.num_rows], num_threads=1)
    return measured(started)


def measured(started: float) -> dict[str, float]:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - started, "peak_mib": peak_kib / 1024}


def in_a_process(what: str, root: Path) -> dict[str, float]:
    told = subprocess.run([sys.executable, __file__, what, str(root)], capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout.splitlines()[-1]))


def compare(articles: int, runs: int) -> None:
    from markdown_pricing.countries import read_countries
    from markdown_pricing.lake.filesystem import Lake
    from markdown_pricing.sample.deliver import deliver_sample

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        deliver_sample(Lake(str(root / "lake")), WEEK, [read_countries()[COUNTRY]], articles, seed=1)
        in_a_process("ours-keeping", root)
        pairs = [(in_a_process("ours", root), in_a_process("floor", root)) for _ in range(runs)]
    print(f"{COUNTRY}, {articles} articles to price, {runs} runs of each in turn, median; LightGBM on one thread\n")
    print("| figure | snapshot to ERP | LightGBM alone | ratio |\n|---|---|---|---|")
    for figure in ("seconds", "peak_mib"):
        own, bare = (statistics.median(pair[which][figure] for pair in pairs) for which in (0, 1))
        ratio = statistics.median(pair[0][figure] / pair[1][figure] for pair in pairs)
        print(f"| {figure} | {own:.2f} | {bare:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].startswith("-"):
        what, root = sys.argv[1], Path(sys.argv[2])
        print(json.dumps(floor(root) if what == "floor" else ours(root, keep_matrices=what == "ours-keeping")))
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--articles", type=int, default=400)
        parser.add_argument("--runs", type=int, default=3)
        compare(**vars(parser.parse_args()))
