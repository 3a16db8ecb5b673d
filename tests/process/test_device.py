"""Which device a model that can use a GPU computes on."""

import warnings
from collections.abc import Iterator

import pytest

from markdown_pricing.definitions import defs
from markdown_pricing.process.device import choose_device, device_to_use
from markdown_pricing.process.workers import worker_processes


@pytest.fixture(autouse=True)
def the_usual_device() -> Iterator[None]:
    yield
    choose_device("auto")


@pytest.mark.parametrize(
    ("chosen", "cuda_is_there", "used"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_gpu_is_used_where_there_is_one_unless_the_cpu_was_chosen(chosen, cuda_is_there, used) -> None:
    choose_device(chosen)
    with warnings.catch_warnings(action="error"):
        assert device_to_use(cuda_is_there) == used


def test_a_gpu_that_is_not_there_is_replaced_by_the_cpu_with_a_warning() -> None:
    choose_device("cuda")
    with pytest.warns(RuntimeWarning, match="no GPU can be used here"):
        assert device_to_use(cuda_is_there=False) == "cpu"


def test_the_setting_reaches_every_process_that_loads_the_flow(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MARKDOWN_PRICING_DEVICE", "cpu")
    monkeypatch.setenv("MARKDOWN_PRICING_LAKE", str(tmp_path))
    monkeypatch.setenv("MARKDOWN_PRICING_LOG", "off")
    defs()
    assert device_to_use(cuda_is_there=True) == "cpu"


def test_a_process_of_a_pool_computes_where_its_command_has_chosen() -> None:
    choose_device("cpu")
    with worker_processes(1) as pool:
        assert pool.submit(device_to_use, cuda_is_there=True).result() == "cpu"
