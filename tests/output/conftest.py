"""Figures as they were saved, and what is written in them."""

import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from cardiosim.output import style


@pytest.fixture
def drawn(monkeypatch):
    """Figures in the order in which they were saved."""
    figures = []
    save = style.save
    monkeypatch.setattr(
        style,
        "save",
        lambda figure, path: (figures.append(figure), save(figure, path)),
    )
    return figures


@pytest.fixture
def texts():
    """Every text in a figure."""
    return lambda figure: [text.get_text() for text in figure.findobj(Text)]


@pytest.fixture
def check_picture():
    """A file is a picture of a size to be put on a page."""

    def check(path):
        height, width, _ = imread(path).shape
        assert 300 < height < 1300
        assert 400 < width < 1200
        assert path.stat().st_size < 200_000

    return check
