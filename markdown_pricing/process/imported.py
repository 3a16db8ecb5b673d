"""What a process imports it keeps until it ends, so that its garbage collector need not look at it again and again.

Dagster, pandas and what they import are 600,000 objects. While they come, Python looks through them several times for
garbage that is not there, and once more when the process ends: two of the six processor seconds of a small country's
run (docs/performance.md).
"""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imported_for_good() -> Iterator[None]:
    """For the imports with which a process begins: no garbage is collected meanwhile.

    If something was imported, what there is afterwards is never looked at again, nor is anything when the process ends.
    """
    if not gc.isenabled():  # within another one
        yield
        return
    modules = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > modules:
            gc.freeze()
            atexit.unregister(gc.freeze)
            atexit.register(gc.freeze)
        gc.enable()
