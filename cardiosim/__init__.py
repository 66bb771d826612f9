"""Cardiac monodomain simulation from readable model text.

The names below are public; each is imported from its room when it is first used, so
that `import cardiosim` stays quick.
"""

import os as _os
from importlib import import_module as _import_module

# Read once by the threads of numba: without it they spin while they wait, and a kernel
# slows down many times over where another program keeps a core busy.
_os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_rooms = {
    "case.build": ("build",),
    "case.read": ("CaseError", "read_case"),
    "case.schema": ("Case",),
    "experiments.refractory_period": ("refractory_period",),
    "experiments.restitution": ("dynamic_restitution", "s1s2_restitution"),
    "experiments.single_cells": ("Pulse", "run_cells"),
    "experiments.steady_state": ("pace_to_steady_state",),
    "experiments.threshold": ("diastolic_threshold", "strength_duration"),
    "experiments.voltage_clamp": (
        "RecordedPotential",
        "Segment",
        "StepsAndRamps",
        "clamp",
    ),
    "ionic.compiled": ("CompiledCell", "Scale", "compile_cell"),
    "ionic.conformance": ("check_ionic_model",),
    "ionic.interface": ("IonicModel",),
    "ionic.cell_library": ("available_cells",),
    "ionic.sensitivity": ("LinearisedCell",),
    "ionic.torch_cell": ("TorchCell",),
    "measure.action_potential": ("ActionPotential", "action_potentials"),
    "measure.activation": ("activation_times",),
    "measure.beat_to_beat": ("alternans", "diastolic_intervals"),
    "measure.biomarkers": ("beat_biomarkers", "train_biomarkers"),
    "measure.calcium_transient": ("calcium_biomarkers",),
    "measure.conduction_velocity": ("conduction_velocity",),
    "measure.fibre_velocities": ("fibre_velocities",),
    "measure.line_samples": ("line_velocity",),
    "measure.velocity_field": ("VelocityField", "velocity_field"),
    "output.fields": ("open_fields", "read_fields"),
    "output.results": ("open_results",),
    "simulation.monodomain": ("Monodomain",),
    "simulation.prepacing": ("prepaced_state",),
    "simulation.recorders": (
        "ActivationRecorder",
        "SnapshotRecorder",
        "TraceRecorder",
    ),
    "simulation.repolarisation_recorder": ("RepolarisationRecorder",),
    "simulation.run": ("NonFinitePotential", "march"),
    "tissue.diffusion": ("RungeKuttaChebyshev", "ThetaRule"),
    "tissue.discretisation": ("discretise", "isotropic"),
    "tissue.mesh": ("Mesh", "cable", "point", "sheet", "slab", "with_holes"),
    "tissue.mesh_io": ("read_mesh", "write_mesh"),
    "tissue.refinement": ("refine",),
    "tissue.regions": ("select_elements", "select_nodes"),
    "tissue.stimulus": ("Stimulus",),
}
_room_of = {name: room for room, names in _rooms.items() for name in names}

__all__ = ["__version__", *sorted(_room_of)]


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        return version("cardiosim")
    if name not in _room_of:
        raise AttributeError(f"module 'cardiosim' has no attribute {name!r}")
    return getattr(_import_module(f"cardiosim.{_room_of[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
