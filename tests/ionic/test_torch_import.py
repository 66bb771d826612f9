"""A torch that is not there, or does not load, is one clear line."""

import sys

import pytest

from cardiosim.ionic.compiled import compile_cell


def test_missing_torch_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "cardiosim.ionic.torch_cell", raising=False)
    with pytest.raises(ValueError, match=r"pip install 'cardiosim\[torch\]'"):
        compile_cell("nagumo", backend="torch")


def test_torch_that_does_not_load_is_one_clear_line(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "cardiosim.ionic.torch_cell":
                raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "cardiosim.ionic.torch_cell", raising=False)
    with pytest.raises(ValueError, match="cannot be imported: libcudart.so.12"):
        compile_cell("nagumo", backend="torch")
