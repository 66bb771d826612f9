"""Whether pictures in space can be drawn here, and what is missing if not.

Without the libraries of the system VTK ends the process with a segmentation fault,
which nothing can catch: so it is tried in another process first.
"""

from __future__ import annotations

import re
import subprocess
import sys
from ctypes.util import find_library
from importlib.util import find_spec

PROBE = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(32, 32))
plotter.add_mesh(pyvista.Cube())
assert plotter.screenshot(return_img=True).std() > 0
"""
PATIENCE = 120.0  # s; the first start of pyvista reads some hundred files
# Debian packages of the libraries that VTK opens when it draws.
PACKAGES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "X11": "libx11-6",
    "Xrender": "libxrender1",
    "Xcursor": "libxcursor1",
}
ALWAYS_NEEDED = ("EGL", "GL")


def check_rendering() -> None:
    """Try to draw in space.

    Raises:
        RuntimeError: it is not possible; says which package is missing.
    """
    if find_spec("pyvista") is None:
        raise RuntimeError(
            "pictures in space are drawn with pyvista, which is not installed: "
            "pip install 'cardiosim[viz]'"
        )
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"drawing a cube did not end within {PATIENCE:g} s; the graphics driver "
            "hangs: try LIBGL_ALWAYS_SOFTWARE=1"
        ) from None
    if done.returncode == 0:
        return
    said = re.sub(r"\x1b\[\d*m", "", done.stderr)  # colours
    named = re.findall(r"lib(\w+)\.so[.\d]*: cannot open", said)
    missing = [name for name in ALWAYS_NEEDED if find_library(name) is None]
    if "Failed to load EGL" in said:
        missing = list(ALWAYS_NEEDED)
    packages = [
        PACKAGES[name] for name in dict.fromkeys(missing + named) if name in PACKAGES
    ]
    if packages:
        raise RuntimeError(
            f"pictures in space need the Debian package{'s' * (len(packages) > 1)} "
            f"{' '.join(packages)}: apt install {' '.join(packages)}"
        )
    last = ([f"exit code {done.returncode}"] + said.strip().splitlines())[-1]
    raise RuntimeError(
        f"drawing in space failed ({last.strip()}); off screen it needs the Debian "
        "packages libegl1 and libgl1, and an OpenGL driver (Mesa: libgl1-mesa-dri)"
    )


def check_film(suffix: str) -> None:
    """Raise RuntimeError if films of this kind cannot be written here."""
    if suffix not in (".gif", ".mp4"):
        raise ValueError(f'film "{suffix}"; expected a name ending in .gif or .mp4')
    if suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise RuntimeError(
            "mp4 films are written with imageio-ffmpeg, which is not installed: pip "
            "install imageio-ffmpeg, or give the film a name ending in .gif"
        )
