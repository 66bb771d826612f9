import math

import h5py
import numpy as np
import pytest

from cardiosim.output.mesh_arrays import mesh_arrays
from cardiosim.output.results import MARKER, ResultsFolder, open_results

NUMBER = {"value": 0.7334, "unit": "m/s", "definition": "between 25 % and 75 %"}


def write_run(folder):
    results = ResultsFolder.create(folder)
    results.write_resolved({"mesh": {"length": 20.0}})
    points = np.arange(9.0).reshape(3, 3)
    results.write_mesh(mesh_arrays(points, [("line", [[0, 1], [1, 2]])], "cable"))
    results.write_traces(
        "probes",
        times=[0.0, 0.5, 1.0, 1.5],
        nodes=[2, 0],
        values={
            "membrane.V": np.arange(8.0).reshape(4, 2),
            "ina.m": np.full((4, 2), 0.5),
        },
        units={"membrane.V": "mV", "ina.m": "1"},
    )
    results.write_activation([[1.0, 2.0, np.nan]], threshold=-20.0)
    results.write_summary({"conduction_velocity": NUMBER})
    return results


def test_everything_written_reads_back(tmp_path):
    write_run(tmp_path / "run")
    results = open_results(tmp_path / "run")
    assert results.resolved == {"mesh": {"length": 20.0}}
    assert results.summary == {"conduction_velocity": NUMBER}
    assert results.mesh_kind == "cable"
    np.testing.assert_array_equal(results.mesh_points[1], [3, 4, 5])
    ((shape, elements),) = results.mesh_blocks
    assert shape == "line"
    np.testing.assert_array_equal(elements, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(results.activation, [[1.0, 2.0, np.nan]])
    assert results.activation_threshold == -20.0
    trace = results.traces["probes"]
    assert list(trace.values) == ["membrane.V", "ina.m"], "order of recording"
    assert trace.units == {"membrane.V": "mV", "ina.m": "1"}
    np.testing.assert_array_equal(trace.times, [0.0, 0.5, 1.0, 1.5])
    np.testing.assert_array_equal(trace.at("membrane.V", node=2), [0, 2, 4, 6])
    np.testing.assert_array_equal(trace.at("membrane.V", node=0), [1, 3, 5, 7])


def test_units_stand_in_the_file(tmp_path):
    write_run(tmp_path)
    with h5py.File(tmp_path / "recordings.h5") as file:
        assert file["traces/probes/times"].attrs["unit"] == "ms"
        assert file["traces/probes/values/membrane.V"].attrs["unit"] == "mV"
        assert file["activation/lat_1"].attrs["unit"] == "ms"
    with h5py.File(tmp_path / "mesh.h5") as file:
        assert file["points"].attrs["unit"] == "mm"


def test_what_was_not_recorded_is_named(tmp_path):
    write_run(tmp_path)
    trace = open_results(tmp_path).traces["probes"]
    with pytest.raises(ValueError, match=r"ina\.h.*membrane\.V, ina\.m"):
        trace.at("ina.h", 0)
    with pytest.raises(ValueError, match="node 1 .*nodes 2, 0"):
        trace.at("ina.m", 1)


def test_writing_again_replaces(tmp_path):
    results = write_run(tmp_path)
    results.write_activation(np.ones((2, 3)), threshold=-40.0)
    results.write_traces("probes", [0.0], [0], {"ina.m": [[0.1]]}, {"ina.m": "1"})
    results.write_traces("more", [0.0], [0], {"ina.h": [[0.9]]}, {"ina.h": "1"})
    again = open_results(tmp_path)
    assert again.activation.shape == (2, 3)
    assert again.activation_threshold == -40.0
    assert set(again.traces) == {"probes", "more"}
    assert list(again.traces["probes"].values) == ["ina.m"]


def test_unfinished_run_opens_with_what_there_is(tmp_path):
    ResultsFolder.create(tmp_path)
    results = open_results(tmp_path)
    assert not results.is_finished
    assert results.summary == results.resolved == results.traces == {}
    assert results.activation.shape == (0, 0)
    assert math.isnan(results.activation_threshold)


def test_summary_marks_the_end_of_a_run(tmp_path):
    results = ResultsFolder.create(tmp_path)
    results.write_mesh(mesh_arrays(np.zeros((1, 3)), [("vertex", [[0]])], "point"))
    assert not open_results(tmp_path).is_finished
    results.write_summary({})
    assert open_results(tmp_path).is_finished, "there may be nothing to measure"
    ResultsFolder.create(tmp_path, force=True)
    assert not open_results(tmp_path).is_finished


def test_results_are_described_in_a_line(tmp_path):
    write_run(tmp_path)
    assert repr(open_results(tmp_path)) == (
        f"<Results {tmp_path}: finished; nodes: 3, numbers: 1, traces: 1, "
        "activations: 1>"
    )
    ResultsFolder.create(tmp_path, force=True)
    assert repr(open_results(tmp_path)) == (
        f"<Results {tmp_path}: unfinished; nodes: 0, numbers: 0, traces: 0, "
        "activations: 0>"
    )


def test_write_that_fails_leaves_the_recordings(tmp_path):
    results = write_run(tmp_path)
    with pytest.raises(TypeError):
        results.write_traces("probes", [0.0], [0], {"m": [[object()]]}, {"m": "1"})
    trace = open_results(tmp_path).traces["probes"]
    np.testing.assert_array_equal(trace.at("membrane.V", node=2), [0, 2, 4, 6])


def test_reader_does_not_stop_the_writer(tmp_path):
    results = write_run(tmp_path)
    with h5py.File(tmp_path / "recordings.h5", "r") as reader:
        results.write_activation(np.zeros((1, 3)), threshold=0.0)
        lat = reader["activation/lat_1"]
        assert np.isnan(lat[2]), "the reader keeps what it opened"
    with h5py.File(tmp_path / "recordings.h5", "r"):
        assert open_results(tmp_path).activation.shape == (1, 3), "nor other readers"
    assert open_results(tmp_path).activation_threshold == 0.0


def test_earlier_results_are_replaced_only_by_force(tmp_path):
    write_run(tmp_path)
    for refuse in (ResultsFolder.create, ResultsFolder.check):
        with pytest.raises(FileExistsError, match="--force"):
            refuse(tmp_path)
    ResultsFolder.check(tmp_path, force=True)
    assert open_results(tmp_path).traces, "check touches nothing"
    ResultsFolder.create(tmp_path, force=True)
    assert not open_results(tmp_path).traces
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("force", [False, True])
def test_folder_of_something_else_is_never_touched(tmp_path, force):
    precious = tmp_path / "thesis.tex"
    precious.write_text("years")
    with pytest.raises(FileExistsError, match="holds no cardiosim results"):
        ResultsFolder.create(tmp_path, force=force)
    with pytest.raises(FileExistsError, match="is a file"):
        ResultsFolder.create(precious, force=force)
    assert precious.read_text() == "years"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_force_spares_results_that_hold_folders(tmp_path):
    write_run(tmp_path)
    (tmp_path / "notes").mkdir()
    with pytest.raises(FileExistsError, match="notes"):
        ResultsFolder.create(tmp_path, force=True)
    assert open_results(tmp_path).traces


def test_new_and_empty_folders_are_taken(tmp_path):
    ResultsFolder.create(tmp_path / "a" / "b")
    open_results(tmp_path / "a" / "b")
    (tmp_path / "empty").mkdir()
    ResultsFolder.create(tmp_path / "empty")
    open_results(tmp_path / "empty")


def test_other_folders_are_no_results(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results folder"):
        open_results(tmp_path)


def test_malformed_entries_are_refused(tmp_path):
    results = ResultsFolder.create(tmp_path)
    with pytest.raises(ValueError, match="definition"):
        results.write_summary({"cv": {"value": 1.0, "unit": "m/s"}})
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        results.write_traces("a", [0.0], [0, 1], {"m": [[1.0]]}, {"m": "1"})
    with pytest.raises(ValueError, match="no unit given for m"):
        results.write_traces("a", [0.0], [0], {"m": [[1.0]]}, {})
    with pytest.raises(ValueError, match="n_beats, n_nodes"):
        results.write_activation([1.0], -20.0)


def test_results_of_another_format_say_so(tmp_path):
    write_run(tmp_path)
    (tmp_path / MARKER).write_text("cardiosim results folder, format 1\n")
    with pytest.raises(ValueError, match=r"format 1.*run its case again.*resolved"):
        open_results(tmp_path)


def test_beats_read_back_in_their_order(tmp_path):
    results = write_run(tmp_path)
    lat = np.arange(36.0).reshape(12, 3)  # lat_10 stands before lat_2 in the file
    results.write_activation(lat, threshold=-40.0)
    np.testing.assert_array_equal(open_results(tmp_path).activation, lat)
    results.write_activation(np.empty((0, 3)), threshold=-40.0)
    assert open_results(tmp_path).activation.shape == (0, 3)
