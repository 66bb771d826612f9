"""Run by pvpython: prints what a reader of ParaView finds in a file at each time."""

import json
import sys

from paraview import servermanager, simple
from vtk.util.numpy_support import vtk_to_numpy


def single(data):
    """The only dataset inside nested blocks."""
    while data.IsA("vtkMultiBlockDataSet"):
        assert data.GetNumberOfBlocks() == 1
        data = data.GetBlock(0)
    return data


def contents(data):
    """Points, elements and arrays of a dataset as lists."""
    arrays = {}
    for where in (data.GetPointData(), data.GetCellData()):
        for i in range(where.GetNumberOfArrays()):
            arrays[where.GetArrayName(i)] = vtk_to_numpy(where.GetArray(i)).tolist()
    cells = []
    for i in range(data.GetNumberOfCells()):
        nodes = data.GetCell(i).GetPointIds()
        nodes = [nodes.GetId(k) for k in range(nodes.GetNumberOfIds())]
        cells.append([data.GetCellType(i), *nodes])
    points = [data.GetPoint(i) for i in range(data.GetNumberOfPoints())]
    return {"arrays": arrays, "cells": cells, "points": points}


reader, path = sys.argv[1:]
files = {"XDMFReader": {"FileNames": [path]}}.get(reader, {"FileName": path})
source = getattr(simple, reader)(**files)
source.UpdatePipelineInformation()
found = []
for t in list(source.TimestepValues) or [0.0]:
    source.UpdatePipeline(t)
    found.append({"t": t, **contents(single(servermanager.Fetch(source)))})
print("FOUND" + json.dumps(found))  # noqa: T201
