"""docker/slim.py, which takes out of the image's environment what the product does not need."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def slim() -> ModuleType:
    spec = importlib.util.spec_from_file_location("slim", PROJECT / "docker" / "slim.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_build_fails_when_a_library_no_longer_loads(slim: ModuleType, tmp_path: Path) -> None:
    """As those whose parts a strip has shifted."""
    (tmp_path / "spoilt.so").write_bytes(b"\x7fELF spoilt")

    with pytest.raises(SystemExit, match="NOT_STRIPPED"):
        slim.load(slim.libraries(tmp_path))


def test_libraries_that_load_are_loaded_without_a_word(slim: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    import _ctypes

    slim.load([Path(_ctypes.__file__)])

    assert capfd.readouterr() == ("", "")


def test_what_a_pattern_names_is_taken_out_and_nothing_beside_it(slim: ModuleType, tmp_path: Path) -> None:
    """By the names that the libraries give to their files today."""
    taken = ["numpy/core/tests/test_array.py", "kubernetes/aio/client.py", "pyarrow/libarrow_flight.so.2600"]
    taken += ["pyarrow/libarrow_python.so", "pyarrow/libarrow_python.so.2600.1.0", "pyarrow/include/arrow/api.h"]
    left = ["pyarrow/libarrow_python.so.2600", "pyarrow/libarrow_substrait.so.2600", "kubernetes/client.py"]
    for name in (*taken, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    slim.leave_out(tmp_path)

    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()) == sorted(left)
