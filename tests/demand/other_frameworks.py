"""The examples of docs/models.md: the same contract test for all models."""

from importlib.util import find_spec

import pytest

SCIKIT_LEARN = "examples.boosted_trees:BoostedTrees"
PYTORCH = "examples.neural_network:NeuralNetwork"
EXAMPLES = (SCIKIT_LEARN, PYTORCH)


def needs_pytorch() -> None:
    """PyTorch is an extra of its own, too large for every machine that tests."""
    if find_spec("torch") is None:
        pytest.skip("the PyTorch example did not run: pip install '.[torch]'")
