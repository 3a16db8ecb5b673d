"""The examples of docs/models.md: the same contract test for all models."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

SCIKIT_LEARN_FOLDER = str(Path(__file__).parents[2] / ".venv/examples")
"""It lies beside the environment, where only the tests of its example find it: see the Makefile."""


@contextmanager
def scikit_learn_found() -> Iterator[None]:
    """On the path for as long as the `with` block: processes that a test starts would find it, too, and import it."""
    sys.path.append(SCIKIT_LEARN_FOLDER)
    try:
        yield
    finally:
        sys.path.remove(SCIKIT_LEARN_FOLDER)


SCIKIT_LEARN = "examples.boosted_trees:BoostedTrees"
PYTORCH = "examples.neural_network:NeuralNetwork"
EXAMPLES = (SCIKIT_LEARN, PYTORCH)


def needs_pytorch() -> None:
    """PyTorch is an extra of its own, too large for every machine that tests."""
    if find_spec("torch") is None:
        pytest.skip("the PyTorch example did not run: pip install '.[torch]'")
