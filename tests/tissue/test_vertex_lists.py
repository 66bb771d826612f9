import numpy as np
import pytest

from cardiosim.tissue.vertex_lists import read_vertices


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.vtx", "3\nintra\n7\n0\n12\n"),
        ("a.vtx", "3 # nodes\nextra\n7 0\n# the last\n12"),
        ("a.vtx", "3\n7\n0\n12\n"),  # an older file
        ("a.txt", "7\n0\n12\n"),
        ("a.txt", "3\nintra\n7\n0\n12\n"),
    ],
)
def test_node_numbers_in_the_order_of_the_file(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    nodes = read_vertices(tmp_path / name)
    assert nodes.dtype == np.intp
    np.testing.assert_array_equal(nodes, [7, 0, 12])


@pytest.mark.parametrize(
    "text, message",
    [
        (b"3\nintra\n7\n0\n", "announces 3 nodes and lists 2; is it cut off"),
        (b"1\nintra\n-1\n", "holds '-1'; expected node numbers"),
        (b"1\nintra\n1.5\n", "holds '1.5'"),
        (b"1\nintra\n99999999999999999999\n", "holds '9999"),
        (b"", "announces no nodes and lists 0"),
        (b"\xff\xfe", "is no text"),
    ],
)
def test_what_is_no_list_of_nodes(tmp_path, text, message):
    file = tmp_path / "site.vtx"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_vertices(file)
