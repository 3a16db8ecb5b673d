"""Seconds for the 45 countries of the sample with 1 and with 2 workers, `markdown-pricing run` as a whole process.

python bench/workers.py [--workers 1 2]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WEEK = "2026-02-09"


def command(root: Path, *arguments: str) -> float:
    environ = {
        **os.environ,
        "MARKDOWN_PRICING_LAKE": str(root / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
        "DAGSTER_HOME": str(root / "dagster"),
    }
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "markdown_pricing", *arguments], env=environ, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"sample: {command(root, 'sample', '--lake', str(root / 'lake'), '--week', WEEK):.1f} s\n")
        print("| workers | seconds | against the first |\n|---|---|---|")
        seconds: list[float] = []
        for workers in parser.parse_args().workers:
            seconds.append(command(root, "run", "--week", WEEK, "--workers", str(workers)))
            print(f"| {workers} | {seconds[-1]:.1f} | {seconds[0] / seconds[-1]:.2f} |", flush=True)
