"""Pictures and films as files: PNG, GIF by Pillow, MP4 by imageio-ffmpeg."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardiosim.whole_file import whole_file

GIF_WIDTH = 720  # pixels; every frame is kept as it is, so that larger films are huge
GIF_COLOURS = 128


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture, (height, width, 3), as PNG."""
    with whole_file(path) as partial:
        Image.fromarray(image).save(partial, format="PNG", optimize=True)


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], rate: float) -> None:
    """Write frames, (height, width, 3) each, as they come.

    Args:
        path: name ending in .gif or .mp4.
        frames: one or more.
        rate: frames a second.
    """
    if path.suffix == ".mp4":
        _write_mp4(path, iter(frames), rate)
    else:
        _write_gif(path, iter(frames), rate)


def _write_gif(path: Path, frames: Iterator[NDArray[np.uint8]], rate: float) -> None:
    images = (_small(frame) for frame in frames)
    first = next(images)
    with whole_file(path) as partial:
        first.save(
            partial,
            format="GIF",
            save_all=True,
            append_images=images,
            duration=1000.0 / rate,  # ms a frame
            loop=0,
        )


def _small(frame: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(frame)
    if image.width > GIF_WIDTH:
        size = GIF_WIDTH, round(image.height * GIF_WIDTH / image.width)
        image = image.resize(size, Image.Resampling.LANCZOS)
    return image.quantize(GIF_COLOURS, dither=Image.Dither.NONE)


def _write_mp4(path: Path, frames: Iterator[NDArray[np.uint8]], rate: float) -> None:
    import imageio_ffmpeg

    first = next(frames)
    height, width = (n - n % 2 for n in first.shape[:2])  # H.264 wants even numbers
    with whole_file(path) as partial:
        writer = imageio_ffmpeg.write_frames(
            str(partial),
            (width, height),
            fps=rate,
            macro_block_size=1,
            output_params=["-f", "mp4"],
        )
        writer.send(None)
        try:
            for frame in chain([first], frames):
                writer.send(np.ascontiguousarray(frame[:height, :width]))
        finally:
            writer.close()
