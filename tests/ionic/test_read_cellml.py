"""CellML files are data: what is no cell is refused in one line, nothing is run."""

import pytest

from cardiosim.ionic.read_cellml import read_cellml
from tests.ionic.cellml_text import squid_axon


@pytest.fixture
def refusal(tmp_path):
    """Message of the ValueError on reading a text."""

    def read(text: str) -> str:
        path = tmp_path / "axon.cellml"
        path.write_text(text)
        with pytest.raises(ValueError) as raised:
            read_cellml(path)
        message = str(raised.value)
        assert "\n" not in message
        assert message.startswith(str(path))
        return message

    return read


def test_entities_of_a_cellml_file_are_not_expanded(refusal, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("membrane_of_another_file")
    declared = f'<!DOCTYPE model [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    text = squid_axon().replace("<model", f"{declared}<model", 1)
    text = text.replace('name="squid_axon">', 'name="squid_axon"><!-- --> &x;')
    message = refusal(text)
    assert "DOCTYPE" in message
    assert "membrane_of_another_file" not in message


def test_a_thousand_million_laughs_are_refused(refusal):
    """Expanded they would be 20 GB, in text as in an attribute."""
    laughs = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10)
    )
    text = squid_axon().replace("<model", f"<!DOCTYPE model [{laughs}]><model", 1)
    for place in ('name="squid_axon">', 'name="&l9;">'):
        refusal(text.replace('name="squid_axon">', f"{place}&l9;"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("plainly no XML", "is no XML"),
        (
            "<sbml/>",
            "is no CellML 1.0, 1.1 or 2.0 model; its outermost element is sbml",
        ),
        (
            '<model xmlns="http://www.cellml.org/cellml/1.1#" name="x" '
            'xmlns:xlink="http://www.w3.org/1999/xlink">'
            '<import xlink:href="other.cellml"/></model>',
            "Imports are not supported",
        ),
    ],
    ids=["text", "another language", "imports"],
)
def test_what_is_no_cell_in_cellml_is_refused(refusal, text, complaint):
    assert complaint in refusal(text)
