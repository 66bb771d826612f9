"""What was run, as a table of a report; and in what several runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cardiosim.commands.report_contents import Contents
from cardiosim.output.report import Column, Table

LONG = 44  # characters of a value that tables show
# Of the provenance: what differs in every run and tells nothing of it.
ITS_OWN = ("date", "cell.fingerprint", "cell.gates", "cell.membrane_currents")


def facts_table(called: Sequence[str], runs: Sequence[Contents]) -> Table:
    """The case, the mesh and the machine of each run, a column a run."""
    found = [_facts(run) for run in runs]
    names = dict.fromkeys(name for facts in found for name in facts)
    rows = [(name, *(facts.get(name) for facts in found)) for name in names]
    columns = ("", *called) if len(runs) > 1 else ("", "what")
    return Table("Case, mesh and machine", columns, rows)


def _facts(run: Contents) -> dict[str, str]:
    """Name -> text of what one would want to know first; without what is unknown."""
    facts = {
        "folder": str(run.path),
        "kind": run.kind,
        "title": run.title,
        **_of_case(run),
        **_of_mesh(run),
        **_of_provenance(run.provenance),
    }
    return {name: text for name, text in facts.items() if text}


def _of_case(run: Contents) -> dict[str, str]:
    case = run.case
    if case is None:
        return {}
    cell, time = case.cell, case.time
    scheme = cell.scheme
    if scheme == "multirate":
        scheme += f", {cell.substeps} substeps"
    facts = {
        "cell": str(cell.model),
        "surrogate": str(cell.surrogate or "none, equations alone"),
        "reaction scheme": scheme,
        "seed": str(case.seed),
    }
    if run.marched is not None:
        facts["time step"] = f"{time.dt:g} ms, {time.splitting} splitting"
        facts["end"] = f"{time.end:g} ms"
    if case.cell.prepace:
        pacing = case.cell.prepace
        facts["paced before"] = f"{pacing.beats} beats every {pacing.bcl:g} ms"
    return facts


def _of_mesh(run: Contents) -> dict[str, str]:
    if not run.is_tissue:
        return {}
    mesh, table = run.results.mesh, run.case.mesh
    counts = f"{mesh.n_nodes} nodes, {mesh.n_elements} elements"
    facts = {"mesh": f"{run.results.mesh_kind}, {counts}"}
    if mesh.grid is not None:
        dx = [
            f"{size / (n - 1):.4g}"
            for size, n in zip(mesh.grid.size, mesh.grid.shape, strict=True)
        ]
        size = " x ".join(f"{length:g}" for length in mesh.grid.size)
        same = dx[0] if len(set(dx)) == 1 else ", ".join(dx)
        facts["size"] = f"{size} mm, dx {same} mm"
    elif getattr(table, "refine", 0):
        facts["refined"] = f"{table.refine} times"
    stepping = run.provenance.get("diffusion", {})
    facts["diffusion"] = ", ".join(
        str(value) if name == "solver" else f"{name} {value:g}"
        for name, value in stepping.items()
    )
    return facts


def _of_provenance(provenance: Mapping[str, Any]) -> dict[str, str]:
    device, versions = provenance.get("device", {}), provenance.get("versions", {})
    counted = [f"{device[k]} {k}" for k in ("cores", "threads") if k in device]
    computed = [device[k] for k in ("kind", "backend", "dtype") if k in device]
    return {
        "machine": ", ".join([*[device[k] for k in ("name",) if k in device], *counted])
        or "",
        "device": ", ".join(computed),
        "commit": _short_commit(provenance.get("commit")),
        "versions": ", ".join(f"{name} {v}" for name, v in versions.items()),
        "date": str(provenance.get("date", "")),
        "warnings": "; ".join(provenance.get("warnings", ())) or "none",
    }


def _short_commit(commit: str | None) -> str:
    """Twelve characters, and "+" if the program had been changed since."""
    if not commit:
        return "not known"
    return commit[:12] + ("+" if commit.endswith("+") else "")


def differing_table(called: Sequence[str], runs: Sequence[Contents]) -> Table:
    """Entries of the resolved cases that are not the same in all runs."""
    flat = [_flat(run.resolved) for run in runs]
    keys = dict.fromkeys(key for entries in flat for key in entries)
    rows = [
        (key, *(_short(entries.get(key)) for entries in flat))
        for key in keys
        if len({repr(entries.get(key)) for entries in flat}) > 1
        and key.removeprefix("provenance.") not in ITS_OWN
    ]
    note = "" if rows else "The resolved cases are the same."
    columns = (Column("entry of resolved.toml"), *map(Column, called))
    return Table("In what the runs differ", columns, rows, note)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, names joined by dots."""
    entries: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            entries |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
            for i, item in enumerate(value):
                entries |= _flat(item, f"{prefix}{name}.{i}.")
        else:
            entries[prefix + name] = value
    return entries


def _short(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= LONG else text[: LONG - 3] + "..."
