"""measures.toml -> which commands measure what, for each of several ways to step.

    [contender.equations]                  # what each way to step changes in the cases
    set = ["cell.scheme=rush_larsen", "time.dt=0.01"]

    [contender.hybrid]
    set = ["cell.surrogate=fast_step"]

    [measure.cable]                        # a command line, once for each contender
    command = "run"                        # a verb of cardiosim
    case = "../cable_conduction"           # beside this file
    numbers = ["conduction_velocity"]      # of the summary that go into the table

    [measure.tip]
    command = "measure waves"
    of = "spiral"                          # the results of another measure, not a case

docs/report.md has every key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from cardiosim.case.faults import first_fault
from cardiosim.case.quantities import Table
from cardiosim.case.read import CaseError, case_file, toml_content

Word = Annotated[str, Field(pattern="^[A-Za-z0-9_]+$")]  # names folders as well
Texts = tuple[str, ...]


class ContenderTable(Table):
    """A way to step a cell: what it sets in every case."""

    set: Texts


class MeasureTable(Table):
    """A command line, and which of its numbers are told.

    Attributes:
        title: for readers.
        command: verb, or verb and subverb: "erp", "measure waves".
        case: folder or file that it is given, relative to the file of measures.
        of: name of the measure whose results it is given instead.
        arguments: more of the command line.
        set: entries of the case, for all contenders; after those of the contender.
        set_for: by contender, instead of what that one sets elsewhere.
        numbers: names in the summary, "*" for any part of one.
        pictures: files of the results folder that the report shows.
    """

    title: str = ""
    command: Annotated[str, Field(min_length=1)]
    case: str | None = None
    of: str | None = None
    arguments: Texts = ()
    set: Texts = ()
    set_for: dict[Word, Texts] = {}
    numbers: Texts = ("*",)
    pictures: Texts = ()

    @model_validator(mode="after")
    def _of_a_case_or_of_results(self) -> Self:
        if (self.case is None) == (self.of is None):
            raise ValueError("give either a case, or of which measure the results are")
        if self.of is not None and (self.set or self.set_for):
            raise ValueError("set changes a case; a measure of results has none")
        return self


class MeasuresFile(Table):
    """What measures.toml may say."""

    title: str = ""
    contender: Annotated[dict[Word, ContenderTable], Field(min_length=2)]
    measure: Annotated[dict[Word, MeasureTable], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        before: list[str] = []
        for name, measure in self.measure.items():
            if measure.of is not None and measure.of not in before:
                raise ValueError(
                    f"measure {name} is of {measure.of!r}; expected one that comes "
                    f"before it: {', '.join(before) or 'there is none'}"
                )
            unknown = set(measure.set_for) - set(self.contender)
            if unknown:
                raise ValueError(
                    f"measure {name} sets something for {', '.join(sorted(unknown))}; "
                    f"the contenders are {', '.join(self.contender)}"
                )
            before.append(name)
        return self


def read_measures(path: str | Path) -> MeasuresFile:
    """Read a file of measures; its cases are found beside it.

    Raises:
        CaseError: anything that keeps it from being one.
    """
    path = Path(path)
    content = toml_content(path, "a file of measures")
    try:
        file = MeasuresFile.model_validate(content)
    except ValidationError as error:
        raise CaseError(f"{path}: {first_fault(error, MeasuresFile)}") from None
    located = {}
    for name, measure in file.measure.items():
        if measure.case is not None:
            case = os.path.normpath(path.parent / measure.case)
            case_file(case)  # there is one
            measure = measure.model_copy(update={"case": case})
        located[name] = measure
    return file.model_copy(update={"measure": located})
