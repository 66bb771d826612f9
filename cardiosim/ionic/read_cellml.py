"""CellML 1.0, 1.1 and 2.0 files as Myokit models.

The file is data from anywhere: no entity is expanded, no address is followed, and a
document that declares entities of its own is refused.

Reference: Cuellar et al. 2003, Simulation 79:740-747, doi 10.1177/0037549703040939;
Clerx et al. 2020, J Integr Bioinform 17:20200021, doi 10.1515/jib-2020-0021.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import myokit
from lxml import etree
from myokit.formats.cellml import v1, v2
from myokit.formats.xml import split


def read_cellml(path: Path) -> tuple[myokit.Model, tuple[str, ...]]:
    """Read a CellML file.

    Returns:
        The model, and what Myokit warns of, a line each.

    Raises:
        ValueError: no CellML, a document type declaration, or a part of CellML that
            Myokit does not read (imports, algebraic systems, resets).
        FileNotFoundError: there is no such file.
    """
    parsers = {
        "http://www.cellml.org/cellml/1.0#": v1.CellMLParser,
        "http://www.cellml.org/cellml/1.1#": v1.CellMLParser,
        "http://www.cellml.org/cellml/2.0#": v2.CellMLParser,
    }
    root = _root(path)
    namespace, element = split(root.tag)
    if namespace not in parsers or element != "model":
        raise ValueError(
            f"{path} is no CellML 1.0, 1.1 or 2.0 model; its outermost element is "
            f"{etree.QName(root).localname}"
        )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            cellml = parsers[namespace]().parse(root)
            cellml.validate()
            model = cellml.myokit_model()
        except myokit.MyokitError as error:
            raise ValueError(f"{path}: {_one_line(error)}") from error
    return model, tuple(dict.fromkeys(_one_line(t.message) for t in told))


def _root(path: Path):
    parser = etree.XMLParser(
        remove_comments=True,
        remove_pis=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
    )
    try:
        # From bytes: lxml would take a name such as http://... for an address.
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"{path} is no XML: {_one_line(error)}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError(
            f"{path} has a document type declaration, which could read other files; "
            "remove its DOCTYPE, a model needs none"
        )
    return root


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
