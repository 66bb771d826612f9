"""`verify` compares with numbers from elsewhere and fails on a miss."""

import pytest


def expect(case, text):
    (case / "expected.toml").write_text(text)


SPEED = '[conduction_velocity]\nvalue = {}\nrtol = 0.01\nsource = "closed form"\n'


def test_a_number_within_its_tolerance_is_ok(cardiosim, front):
    expect(front, SPEED.format(0.3162278))
    code, stdout, _ = cardiosim("verify", front)
    assert code == 0
    assert stdout.splitlines()[2].split()[0] == "conduction_velocity"
    assert stdout.splitlines()[2].split()[-1] == "ok"
    assert "1 of 1 numbers are as expected" in stdout


def test_a_miss_is_shown_and_fails(cardiosim, front):
    expect(front, SPEED.format(0.33))
    code, stdout, _ = cardiosim("verify", front)
    assert code == 1
    assert "MISS" in stdout
    assert "0 of 1 numbers are as expected" in stdout


def test_a_number_that_could_not_be_measured_is_a_miss(cardiosim, front):
    expect(front, SPEED.format(0.3162278))
    code, stdout, stderr = cardiosim("verify", front, "--set", "stimulus.0.amplitude=5")
    assert code == 1
    row = stdout.splitlines()[2].split(maxsplit=3)
    assert (row[0], row[2]) == ("conduction_velocity", "0.316228")
    assert row[3].endswith("not measured")
    assert "MISS" not in stdout
    assert "0 of 1 numbers are as expected" in stdout
    assert "no conduction velocity" in stderr


def test_a_number_that_the_case_never_measures_is_a_miss_too(cardiosim, front):
    speed = SPEED.format(0.3162278)
    expect(front, speed + speed.replace("conduction_velocity", "apd90"))
    code, stdout, _ = cardiosim("verify", front)
    assert code == 1
    assert stdout.splitlines()[3].startswith("apd90 ")
    assert stdout.splitlines()[3].endswith("not measured")
    assert "1 of 2 numbers are as expected" in stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a]\nvalue = 1.0\nrtol = 0.1\n", "expected value, source"),
        ('[a]\nvalue = 1.0\nsource = "x"\n', "one of rtol and atol"),
        ("value = 1.0", "expected value, source"),
        ("[a", "is not TOML"),
    ],
)
def test_an_expectation_needs_its_tolerance_and_source(cardiosim, front, text, says):
    expect(front, text)
    code, _, stderr = cardiosim("verify", front)
    assert code == 1
    assert says in stderr


def test_a_case_without_expectations_cannot_be_verified(cardiosim, front):
    code, _, stderr = cardiosim("verify", front)
    assert code == 1
    assert "expected.toml does not exist" in stderr


def test_results_are_kept_where_asked(cardiosim, front, tmp_path):
    expect(front, SPEED.format(0.3162278))
    cardiosim("verify", front, "--out", tmp_path / "kept")
    assert (tmp_path / "kept" / "front" / "summary.json").is_file()


def test_a_folder_of_trainings_is_passed_over(cardiosim, front, tmp_path):
    expect(front, SPEED.format(0.3162278))
    (tmp_path / "surrogates" / "mine").mkdir(parents=True)
    (tmp_path / "surrogates" / "mine" / "case.toml").write_text('kind = "fast_step"\n')
    code, stdout, _ = cardiosim("verify", front, tmp_path / "surrogates")
    assert code == 0
    assert "1 of 1 numbers are as expected" in stdout
