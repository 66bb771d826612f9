"""Trained surrogates on disk: what they are as JSON, their weights as safetensors.

NAME.json holds names, scaling, ranges, the layers' shapes, the training case and what
it was trained with; NAME.safetensors beside it the weights. Reading either executes
nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cardiosim.ionic.network import Layer, Network
from cardiosim.surrogates.equation_probe import EquationProbe
from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.kinds import KINDS
from cardiosim.whole_file import whole_file

FORMAT = 1
_NUMBERS = "numbers"  # float64; the networks' weights are float32
SHIPPED = Path(__file__).parent / "trained"


def shipped_surrogates() -> tuple[str, ...]:
    """Names of the surrogates that come with the program."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def checkpoint_path(checkpoint: str | Path) -> Path:
    """The JSON file of a checkpoint.

    Args:
        checkpoint: name of a shipped one, or path of a .json or .safetensors file.

    Raises:
        ValueError: neither of them; names those that ship.
    """
    shipped = SHIPPED / f"{checkpoint}.json"
    if shipped.exists():
        return shipped
    path = _description_file(checkpoint)
    if not path.is_file():
        known = ", ".join(shipped_surrogates()) or "none"
        raise ValueError(
            f"there is no surrogate {checkpoint}: no file {path}, and none of that "
            f"name ships (known are: {known}); a checkpoint is named by its .json file"
        )
    return path


def _description_file(checkpoint: str | Path) -> Path:
    """The JSON file of a path that may name either file, or leave the ending out."""
    path = Path(checkpoint)
    if path.suffix in (".json", ".safetensors"):
        path = path.with_suffix("")
    return path.with_name(f"{path.name}.json") if path.name else path


def load_surrogate(checkpoint: str | Path) -> TrainedSurrogate:
    """Read a trained surrogate.

    Args:
        checkpoint: name of a shipped one, or path of its .json file.

    Raises:
        ValueError: no such checkpoint, one of another format, or weights that are not
            those it was saved with.
    """
    path = checkpoint_path(checkpoint)
    content = read_description(path)
    weights = path.with_suffix(".safetensors")
    if not weights.is_file():
        raise ValueError(f"{path} has no weights beside it; expected {weights}")
    packed = weights.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != content.get("weights_sha256"):
        raise ValueError(
            f"the weights in {weights} are not those that {path.name} was saved with; "
            f"restore both files, or train it anew"
        )
    try:
        arrays = load(packed)
        networks = [
            Network(tuple(_layer(n, k, own, arrays) for k, own in enumerate(layers)))
            for n, layers in enumerate(content["networks"])
        ]
        surrogate = KINDS[content["kind"]](
            name=content["name"],
            model=content["model"],
            networks=networks,
            ranges=content["ranges"],
            dt_range=tuple(content["dt_range"]),
            **content["settings"],
            **_numbers(content["numbers"], arrays),
        )
        probe = content["equations"]
        surrogate.probe = EquationProbe(
            probe["around"], {n: tuple(v) for n, v in probe["values"].items()}
        )
    except (KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ValueError(
            f"{path} does not describe a surrogate ({type(error).__name__}: {error}); "
            f"it was changed by hand or by another version; train it anew"
        ) from error
    return surrogate


def read_description(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Raises:
        ValueError: no JSON, another format, or an unknown kind.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no checkpoint: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        came = content.get("format") if isinstance(content, dict) else content
        raise ValueError(
            f"{path} has format {came!r}, expected {FORMAT}; train it with this version"
        )
    if content.get("kind") not in KINDS:
        raise ValueError(
            f"{path} holds a surrogate of kind {content.get('kind')!r}; expected one "
            f"of {', '.join(KINDS)}"
        )
    return content


def save_surrogate(
    surrogate: TrainedSurrogate, path: Path, training: Mapping[str, Any]
) -> Path:
    """Write a trained surrogate; both files whole or not at all.

    Args:
        surrogate: what to keep.
        path: of the .json file, whose ending may be left out; the weights go beside it.
        training: case, seed, versions, measured errors, for the records.

    Returns:
        The path of the .json file.
    """
    path = _description_file(path)
    arrays = {
        f"{n}.{k}.{name}": np.ascontiguousarray(array, dtype=np.float32)
        for n, network in enumerate(surrogate.networks)
        for k, layer in enumerate(network.layers)
        for name, array in layer.arrays.items()
    }
    if surrogate.numbers:
        arrays[_NUMBERS] = np.array(list(surrogate.numbers.values()))
    packed = save(arrays)
    probe = surrogate.take_probe()
    content = {
        "format": FORMAT,
        "kind": surrogate.kind,
        "name": surrogate.name,
        "model": surrogate.model,
        "replaces": surrogate.replaces,
        "carries": surrogate.carries,
        "inputs": surrogate.inputs,
        "provides": surrogate.provides,
        "moment": surrogate.moment,
        "dt_range": surrogate.dt_range,
        "ranges": surrogate.ranges,
        "settings": dict(surrogate.settings),
        "numbers": list(surrogate.numbers),
        "networks": [
            [
                {"activation": layer.activation, "skip": layer.skip}
                | {name: list(array.shape) for name, array in layer.arrays.items()}
                for layer in network.layers
            ]
            for network in surrogate.networks
        ],
        "multiply_adds": sum(n.multiply_adds for n in surrogate.networks),
        "weights_sha256": hashlib.sha256(packed).hexdigest(),
        "equations": {"around": probe.around, "values": probe.values},
        "training": dict(training),
    }
    with whole_file(path.with_suffix(".safetensors")) as partial:
        partial.write_bytes(packed)
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n")
    return path


def _numbers(
    names: Sequence[str], arrays: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Trained numbers by name, for kinds that have some."""
    if not names:
        return {}
    return {"numbers": dict(zip(names, arrays[_NUMBERS].tolist(), strict=True))}


def _layer(
    n: int, k: int, own: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Layer:
    names = [name for name in ("weights", "bias", "scale", "shift") if name in own]
    return Layer(
        activation=own["activation"],
        skip=own["skip"],
        **{name: arrays[f"{n}.{k}.{name}"] for name in names},
    )
