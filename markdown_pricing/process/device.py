"""Choose where demand models that can use a GPU compute: on the CPU, or by CUDA where the machine has it.

This is a setting of the installation, chosen once when its process starts. It is no part of a model's contract, because
most models have no use for it. A model that has asks `device_to_use`.
"""

import warnings

DEVICES = ("auto", "cpu", "cuda")
_chosen = "auto"


def choose_device(name: str) -> None:
    """Choose the device of all models of this process: one of DEVICES, which the settings have checked."""
    global _chosen
    _chosen = name


def chosen_device() -> str:
    """What `choose_device` has chosen in this process."""
    return _chosen


def device_to_use(cuda_is_there: bool) -> str:
    """ "cuda" or "cpu", as the framework names them; warns when a GPU was asked for and the machine has none.

    cuda_is_there : what the framework says, such as torch.cuda.is_available()
    """
    if _chosen == "cuda" and not cuda_is_there:
        warnings.warn(
            "MARKDOWN_PRICING_DEVICE=cuda, but no GPU can be used here: the model computes on the CPU.",
            RuntimeWarning,
            stacklevel=2,
        )
    return "cuda" if cuda_is_there and _chosen != "cpu" else "cpu"
