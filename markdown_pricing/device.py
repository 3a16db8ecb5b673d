"""Where demand models compute that can use a GPU: the CPU, or CUDA where the machine has it.

A setting of the installation, chosen once when its process starts. It is no part of a model's contract, because most
models have no use for it; one that has asks here.
"""

import warnings

DEVICES = ("auto", "cpu", "cuda")
_chosen = "auto"


def choose_device(name: str) -> None:
    """For all models of this process: one of DEVICES, as the settings have checked."""
    global _chosen
    _chosen = name


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
