"""Take out of an environment what the product does not need, and see that each library that is left still loads.

/opt/venv/bin/python slim.py    the environment of this very Python
"""

import ctypes
import os
import shutil
import subprocess
import sysconfig
import traceback
from pathlib import Path

LEFT_OUT = {
    "**/tests": "the libraries' tests of themselves",
    "**/*.map": "source maps, by which Dagster's makers debug its pages",
    "kubernetes/aio": "a second client of Kubernetes, for asyncio; dagster-k8s uses the other one",
    "pyarrow/**/*flight*": "Arrow's own protocol of remote calls, which nobody here speaks; its gRPC is not Dagster's",
    "pyarrow/**/*_s3*": "Arrow's own client of S3; a lake is opened by fsspec",
    "pyarrow/*_cpp_tests*": "Arrow's tests of itself that are not in a folder `tests`",
    "pyarrow/libarrow_python*.so": "a copy to link against; the one that is loaded has a number behind its name",
    "pyarrow/libarrow_python*.so.*.*.*": "another copy of the same",
    **{f"**/*.{kind}": "what a compiler reads" for kind in ("a", "c", "cc", "h", "hpp", "pxd", "pxi", "pyx")},
    "**/*.pyi": "what a type checker reads",
}
"""What is removed, as patterns below site-packages, with the reason."""

NOT_STRIPPED = "*.libs"
"""Folders of libraries that were changed after they were linked, when the wheel was made. A strip shifts their parts,
and they load no more ("ELF load command address/offset not page-aligned")."""


def main() -> None:
    packages = Path(sysconfig.get_path("platlib"))
    leave_out(packages)
    # Tables for debuggers are a sixth of the environment. The names that other libraries look up stay.
    strippable = [str(library) for library in libraries(packages) if not library.parent.match(NOT_STRIPPED)]
    subprocess.run(["strip", "--strip-unneeded", *strippable], check=True)
    load(libraries(packages))


def leave_out(packages: Path) -> None:
    """Remove each file and folder below site-packages that a pattern names."""
    for pattern in LEFT_OUT:
        for path in list(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # it may have gone with a folder above it


def libraries(folder: Path) -> list[Path]:
    """Every shared library below a folder."""
    return [file for file in sorted(folder.rglob("*.so*")) if file.is_file()]


def load(found: list[Path]) -> None:
    """Load each of them, in a process of its own, because Python can't end well that has loaded all.

    raises SystemExit: one can't be loaded, so that the image would fail where it is needed
    """
    process = os.fork()
    if not process:
        try:
            for library in found:
                ctypes.CDLL(str(library))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(process, 0)[1]:
        raise SystemExit("A library can't be loaded any more: see LEFT_OUT and NOT_STRIPPED of docker/slim.py.")


if __name__ == "__main__":
    main()
