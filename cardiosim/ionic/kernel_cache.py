"""Generated kernels on disk, named by a hash of everything that generated them.

A kernel module is written once, next to a JSON description of the cell (names, units,
initial values), so that a later start needs neither the model parser nor, thanks to
Numba's own cache beside the module, the compiler.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import numba
from platformdirs import user_cache_path

from cardiosim import stack_rows
from cardiosim.ionic.equations import fingerprint
from cardiosim.whole_file import whole_file

logger = logging.getLogger(__name__)


def cache_root() -> Path:
    """Folder of everything cached: $CARDIOSIM_CACHE, else the user's cache folder."""
    own = os.environ.get("CARDIOSIM_CACHE")
    return Path(own) if own else user_cache_path("cardiosim")


@functools.cache
def generator_fingerprint() -> str:
    """Hash of the compiler itself: its sources and the versions it builds on."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    sources.append(Path(stack_rows.__file__))
    texts = [path.read_text() for path in sources]
    return fingerprint(
        numba.__version__, llvmlite.__version__, platform.python_version(), *texts
    )


def cached_kernel(
    stem: str, key: str, generate: Callable[[], tuple[str, dict[str, Any]]]
) -> tuple[ModuleType, dict[str, Any]]:
    """Import a kernel module, generating it if it is not on disk.

    Args:
        stem: readable beginning of the file name.
        key: what the kernel depends on besides the compiler itself.
        generate: returns the module's source and its description.

    Returns:
        The module and its description.
    """
    digest = fingerprint(generator_fingerprint(), key)[:20]
    folder = cache_root() / "kernels"
    source, description = (folder / f"{stem}_{digest}{s}" for s in (".py", ".json"))
    if not (source.exists() and description.exists()):
        text, facts = generate()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in ((description, json.dumps(facts)), (source, text)):
                with whole_file(path) as partial:
                    partial.write_text(content)
        except OSError as error:
            raise OSError(
                f"kernels cannot be kept in {folder} ({error}); let CARDIOSIM_CACHE "
                f"name a folder that can be written"
            ) from error
        logger.info("generated %s", source)
    return _import(source), json.loads(description.read_text())


def _import(path: Path) -> ModuleType:
    name = f"cardiosim_kernels.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
