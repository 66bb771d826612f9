"""Cells by name or file, and variants as parameter sets over one text."""

import pytest

from cardiosim.ionic.cell_library import MODELS, available_cells, model_source
from cardiosim.ionic.compiled import Scale, compile_cell

VARIANT = """\
base = "{base}"
title = "a weaker one"
[parameters]
"recovery.a" = {{ scale = 2.0 }}
[initial]
"membrane.V" = -60.0
"""


@pytest.fixture
def variant(tmp_path):
    def write(name="weak", base="nagumo", text=VARIANT):
        path = tmp_path / f"{name}.toml"
        path.write_text(text.format(base=base))
        return path

    return write


def one_parameter():
    return next(iter(compile_cell("nagumo").facts["parameters"].items()))


def test_a_variant_sets_parameters_and_initial_states(variant):
    name, value = one_parameter()
    text = VARIANT.replace("recovery.a", name)
    cell = compile_cell(variant(text=text))
    assert cell.name == "weak"
    assert cell.facts["title"] == "a weaker one"
    assert cell.facts["parameters"][name] == 2.0 * value
    assert cell.initial_states(1)[0, 0] == -60.0


def test_a_variant_runs_in_the_bits_of_the_same_overrides(variant):
    name, value = one_parameter()
    path = variant(text=VARIANT.replace("recovery.a", name))
    baked = compile_cell(path)
    scaled = compile_cell("nagumo", parameters={name: Scale(2.0)})
    states = [baked.initial_states(5) for _ in range(2)]
    for cell, own in zip((baked, scaled), states, strict=True):
        own[0] = [-80.0, -40.0, -20.0, 0.0, 20.0]
        cell.react(own, own[0] * 0.0, 0.01, 10)
    # Folding a constant may round in another order than computing with it.
    assert states[0] == pytest.approx(states[1], rel=1e-13)


def test_a_variant_of_a_variant_adds_up(variant):
    name, value = one_parameter()
    text = VARIANT.replace("recovery.a", name)
    variant("weak", text=text)
    cell = compile_cell(variant("weaker", base="weak.toml", text=text))
    assert cell.facts["parameters"][name] == 4.0 * value


@pytest.mark.parametrize(
    ("base", "text", "message"),
    [
        ("nagumo", VARIANT, "has no parameter recovery.a"),
        ("nagumoo", VARIANT, "did you mean nagumo"),
        ("weak.toml", VARIANT, "variant of itself"),
        ("nagumo", 'base = "nagumo"\nparameter = 3', "parameter: Extra inputs"),
        ("nagumo", "base = ", "is not TOML"),
    ],
)
def test_a_variant_with_an_error_says_what_is_wrong(variant, base, text, message):
    path = variant(base=base, text=text)
    with pytest.raises(ValueError, match=message):
        compile_cell(path)


def test_the_key_of_a_variant_holds_its_content(variant):
    name, _ = one_parameter()
    path = variant(text=VARIANT.replace("recovery.a", name))
    before = model_source(path).key
    path.write_text(path.read_text().replace("2.0", "3.0"))
    assert model_source(path).key != before


@pytest.mark.parametrize("name", available_cells())
def test_every_shipped_cell_says_what_it_is(name):
    assert model_source(name).equations().title


def test_shipped_variants_name_their_source():
    for path in MODELS.glob("*.toml"):
        assert "doi" in path.read_text(), f"{path.name} names no doi"
