"""The kinds of surrogates that can be trained, by the name that checkpoints hold."""

from __future__ import annotations

from collections.abc import Mapping

from cardiosim.surrogates.interface import TrainedSurrogate
from cardiosim.surrogates.strang_step import StrangStep

KINDS: Mapping[str, type[TrainedSurrogate]] = {
    kind.kind: kind for kind in (StrangStep,)
}
