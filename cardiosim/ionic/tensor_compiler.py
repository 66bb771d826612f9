"""Pure functions of tensors to machine code, kept on disk.

On the CPU a function is exported and compiled ahead of time into a package in the
cache of kernels, which a later start loads in a fraction of a second; a call costs
some 20 us more than its arithmetic. On other devices `torch.compile` does it at the
first call. Both are TorchInductor, and both fuse all operations of a step into few
loops over the nodes: written one by one, 700 small tensors are made in every step.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import types
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding
import torch
from torch import Tensor

from cardiosim.ionic.equations import fingerprint
from cardiosim.ionic.kernel_cache import cache_root
from cardiosim.whole_file import whole_file

logger = logging.getLogger(__name__)

Function = Callable[..., Any]

# The number of threads is that of the run, not that of the compilation.
_INDUCTOR = {"cpp.dynamic_threads": True}  # part of the name of a package


class CannotCompile(RuntimeError):
    """There is no compiler, or it failed; the message is one line."""


def compile_function(
    make: Callable[[], Function],
    inputs: Sequence[Tensor],
    lanes: Sequence[int | None],
    name: str,
) -> Function:
    """Compile a function of tensors for any number of lanes from 2 on.

    Args:
        make: returns the function: pure, of as many tensors as there are inputs, no
            branch on data; not called where the compiled one is on disk.
        inputs: an example; with many lanes, so that threads are worth their while.
        lanes: dimension of each input that counts the lanes, or None.
        name: readable beginning of the file name, a NUL, and all it depends on.

    Returns:
        A function with the same arguments and result.

    Raises:
        CannotCompile: no C++ compiler, or torch failed; the first line says why.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "inductor"))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if inputs[0].device.type == "cpu":
                return _ahead_of_time(make, inputs, lanes, name)
            return just_in_time(make(), inputs)
    except Exception as error:  # of any of the tools below torch
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CannotCompile(f"{type(error).__name__}: {reason[0]}") from error


def _ahead_of_time(
    make: Callable[[], Function],
    inputs: Sequence[Tensor],
    lanes: Sequence[int | None],
    name: str,
) -> Function:
    stem, _, depends_on = name.partition("\0")
    digest = fingerprint(depends_on, *_host())[:20]
    package = cache_root() / "kernels" / f"{stem}_{digest}.pt2"
    if package.exists():
        try:
            return torch._inductor.aoti_load_package(str(package))
        except Exception as error:  # whatever a file that is no package leads to
            logger.warning("%s cannot be loaded, compiling anew: %s", package, error)
            package.unlink(missing_ok=True)
    _require_compiler()
    logger.info("compiling %s; this takes a minute, once", package)
    n = torch.export.Dim("n", min=2)
    shapes = tuple(None if d is None else {d: n} for d in lanes)
    program = torch.export.export(
        _Module(make()), tuple(inputs), dynamic_shapes=(shapes,), strict=False
    )
    package.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, whole_file(package) as partial:
        made = torch._inductor.aoti_compile_and_package(
            program,
            package_path=str(Path(folder) / "function.pt2"),
            inductor_configs=dict(_INDUCTOR),  # torch adds its own to what it gets
        )
        shutil.copyfile(made, partial)
    return torch._inductor.aoti_load_package(str(package))


def _host() -> tuple[str, ...]:
    """What machine code depends on: this processor as it is shown here, and torch.

    A virtual machine may hide instructions that others of the same name have.
    """
    return (
        torch.__version__,
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
        str(_INDUCTOR),
    )


def _require_compiler() -> None:
    """Fail now, where there is no compiler, not after an export of seconds."""
    from torch._inductor.cpp_builder import get_cpp_compiler  # a second to import

    get_cpp_compiler()


def just_in_time(
    function: Function, inputs: Sequence[Tensor], backend: str = "inductor"
) -> Function:
    """Compile a function by calling it once; for what inputs are on.

    Args:
        function: pure, of tensors.
        inputs: an example.
        backend: of `torch.compile`.

    Returns:
        A function with the same arguments and result.
    """
    own = _with_own_code(function)
    compiled = torch.compile(own, dynamic=True, fullgraph=True, backend=backend)
    compiled(*inputs)
    return compiled


def _with_own_code(function: Function) -> Function:
    """The same method or function with a code object that no other has.

    torch.compile keeps eight versions of a code object and refuses the ninth, and all
    cells step by the same method.
    """
    if isinstance(function, types.MethodType):
        return types.MethodType(_with_own_code(function.__func__), function.__self__)
    if not isinstance(function, types.FunctionType):
        return function  # the module of a graph, which has its own
    return types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


class _Module(torch.nn.Module):
    """A function as the module that `torch.export` wants."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)
