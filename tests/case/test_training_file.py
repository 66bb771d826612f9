"""A training case: what is read, and what is told of mistakes."""

import pytest

from cardiosim.case.read import CaseError
from cardiosim.case.training_file import read_training, training_document
from cardiosim.case.training_tables import TRAININGS
from cardiosim.experiments.training import open_record, training_key

GOOD = """
kind = "gates_step"
name = "gates"
[network]
hidden = [8, 8]
"""


@pytest.fixture
def write(tmp_path):
    def _write(text, name="case.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


@pytest.mark.parametrize("kind", TRAININGS)
def test_every_kind_says_its_cell_and_seed(write, kind):
    fields = TRAININGS[kind].model_fields
    path = write(f'kind = "{kind}"\nname = "toy"\n')
    if {n for n, f in fields.items() if f.is_required()} > {"kind", "name"}:
        with pytest.raises(CaseError, match="is missing"):
            read_training(path)
        return
    case = read_training(path)
    assert (case.kind, case.name, case.seed) == (kind, "toy", 0)
    assert case.model == "skibsbye2016"


def test_a_folder_holds_its_case(write, tmp_path):
    write(GOOD)
    assert read_training(tmp_path).network.hidden == (8, 8)


def test_values_can_be_set_on_the_way(write):
    case = read_training(write(GOOD), ["seed=7", "network.hidden=[4]"])
    assert (case.seed, case.network.hidden) == (7, (4,))


def test_what_was_resolved_is_a_case_again(write):
    case = read_training(write(GOOD), ["seed=7"])
    document = training_document(case, {"commit": "abc"})
    assert document["provenance"] == {"commit": "abc"}
    import tomli_w

    again = read_training(write(tomli_w.dumps(without_none(document)), "resolved.toml"))
    assert again == case


def without_none(table):
    if not isinstance(table, dict):
        return table
    return {k: without_none(v) for k, v in table.items() if v is not None}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "gates_step"', "", "kind is missing; expected .*'gates_step'"),
        ('"gates_step"', '"gate_step"', "kind: came 'gate_step'; did you mean gates_s"),
        ('name = "gates"', "", "name is missing"),
        ("name =", "nam =", "the file has no key 'nam'; did you mean name"),
        ("hidden", "hiden", r"\[network\] has no key 'hiden'; did you mean hidden"),
        ("[8, 8]", "[8, 0]", "network.hidden.1: came 0"),
        ("[network]", "[mesh]", "is a case to run, not to train; use `cardiosim run`"),
        ("[network]", "[network", "is not TOML"),
    ],
)
def test_mistakes_are_told_in_one_line(write, old, new, says):
    assert old in GOOD
    with pytest.raises(CaseError, match=says) as error:
        read_training(write(GOOD.replace(old, new, 1)))
    assert "\n" not in str(error.value)


def test_a_training_case_that_is_not_there(tmp_path):
    with pytest.raises(CaseError, match="nowhere"):
        read_training(tmp_path / "nowhere")


def test_a_state_belongs_to_its_case(write, tmp_path):
    case = read_training(write(GOOD))
    assert training_key(case) == training_key(read_training(write(GOOD)))
    open_record(case, tmp_path, resume=False).keep({}, {"iteration": 1})
    assert open_record(case, tmp_path, resume=True).is_resumed
    other = read_training(write(GOOD), ["seed=1"])
    with pytest.raises(ValueError, match="the state of another training case"):
        open_record(other, tmp_path, resume=True)
