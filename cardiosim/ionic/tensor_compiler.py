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
_INDUCTOR = {"cpp.dynamic_threads": True}


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
            compiled = torch.compile(make(), dynamic=True, fullgraph=True)
            compiled(*inputs)
            return compiled
    except Exception as error:  # of any of the tools below torch
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CannotCompile(f"{type(error).__name__}: {reason[0]}") from error


def _ahead_of_time(
    make: Callable[[], Function],
    inputs: Sequence[Tensor],
    lanes: Sequence[int | None],
    name: str,
) -> Function:
    # Machine code of this processor, against this torch.
    host = (torch.__version__, llvmlite.binding.get_host_cpu_name(), str(_INDUCTOR))
    stem, _, depends_on = name.partition("\0")
    digest = fingerprint(depends_on, *host)[:20]
    package = cache_root() / "kernels" / f"{stem}_{digest}.pt2"
    if not package.exists():
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
                inductor_configs=_INDUCTOR,
            )
            shutil.copyfile(made, partial)
    return torch._inductor.aoti_load_package(str(package))


class _Module(torch.nn.Module):
    """A function as the module that `torch.export` wants."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)
