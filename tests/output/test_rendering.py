"""What is missing is said; that the process dies in the attempt must not matter."""

import pytest

from cardiosim.output import rendering


def test_crash_without_libraries_names_their_packages(monkeypatch):
    monkeypatch.setattr(rendering, "PROBE", "import os; os.abort()")
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "find_library", lambda name: None)
    with pytest.raises(RuntimeError, match="apt install libegl1 libgl1$"):
        rendering.check_rendering()


def test_library_that_cannot_be_opened_is_named(monkeypatch):
    error = "libXrender.so.1: cannot open shared object file"
    monkeypatch.setattr(rendering, "PROBE", f"raise ImportError({error!r})")
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "find_library", lambda name: "there")
    with pytest.raises(RuntimeError, match="Debian package libxrender1: apt"):
        rendering.check_rendering()


def test_library_that_is_there_but_broken_counts_as_missing(monkeypatch):
    log = "\\x1b[33mvtkOpenGLRenderWindow.c:669 WARN| Failed to load EGL! Please"
    probe = f"import os, sys; sys.stderr.write('{log}'); sys.stderr.flush(); os.abort()"
    monkeypatch.setattr(rendering, "PROBE", probe)
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "find_library", lambda name: "there")
    with pytest.raises(RuntimeError, match="apt install libegl1 libgl1$"):
        rendering.check_rendering()


def test_other_failures_are_passed_on(monkeypatch):
    monkeypatch.setattr(rendering, "PROBE", "raise ValueError('no driver')")
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "find_library", lambda name: "there")
    with pytest.raises(RuntimeError, match=r"no driver.*libegl1 and libgl1"):
        rendering.check_rendering()


def test_driver_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(rendering, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(rendering, "find_spec", lambda name: object())
    monkeypatch.setattr(rendering, "PATIENCE", 0.3)
    with pytest.raises(RuntimeError, match="did not end within 0.3 s"):
        rendering.check_rendering()


def test_missing_python_packages_are_named(monkeypatch):
    monkeypatch.setattr(rendering, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'cardiosim\[viz\]'"):
        rendering.check_rendering()
    with pytest.raises(RuntimeError, match="imageio-ffmpeg.*or .* in .gif"):
        rendering.check_film(".mp4")
    rendering.check_film(".gif")  # Pillow comes with matplotlib
    with pytest.raises(ValueError, match="ending in .gif or .mp4"):
        rendering.check_film(".avi")
