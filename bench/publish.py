"""Time in turn how two checkouts publish the same files: to a folder, and to Hadoop's mini-cluster on this machine.

    python bench/publish.py OTHER [--files 40] [--pairs 5] [--data-nodes 3]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Each figure is the
mean of so many files, one after the other, in a process of its own. A file on HDFS is partly waited for, so that
seconds here are those of the clock. On so many data nodes each file lies.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from tests.hdfs.cluster import REPLICATION, mini_hdfs  # noqa: E402

SIZES = {"1 kB": 1_000, "12 MB": 12_000_000}
TIMED = """
import os, sys, time
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_bytes
lake, size, files = Lake(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
data = os.urandom(size)
publish_bytes(lake, "first", data)
began = time.perf_counter()
for number in range(files):
    publish_bytes(lake, f"folder/{number}", data)
print((time.perf_counter() - began) / files)
"""
"""Run by each checkout."""


def seconds(checkout: Path, lake: str, size: int, files: int) -> float:
    """Those of one file, on average."""
    command = [str(checkout.resolve() / ".venv/bin/python"), "-c", TIMED, lake, str(size), str(files)]
    return float(subprocess.run(command, check=True, cwd=checkout, capture_output=True, text=True).stdout)


def compare(other: Path, files: int, pairs: int, data_nodes: int) -> None:
    print("| file | other, s | this one, s | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, mini_hdfs(Path(folder) / "hdfs", data_nodes=data_nodes) as hdfs:
        for place, lake in (("a folder", f"{folder}/lake"), ("HDFS", f"{hdfs.url}/lake")):
            for name, size in SIZES.items():
                timed = [[seconds(checkout, lake, size, files) for checkout in (other, PROJECT)] for _ in range(pairs)]
                before, now = (statistics.median(pair[which] for pair in timed) for which in (0, 1))
                ratio = statistics.median(own / theirs for theirs, own in timed)
                print(f"| {name} to {place} | {before:.4f} | {now:.4f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--data-nodes", type=int, default=REPLICATION)
    compare(**vars(parser.parse_args()))
