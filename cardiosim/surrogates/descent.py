"""Stochastic descent with AdamW: for networks and losses that least squares do not fit.

Reference: Loshchilov & Hutter 2019, Decoupled weight decay regularization,
arXiv:1711.05101; warm restarts: the same 2017, arXiv:1608.03983.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cardiosim.surrogates.training_record import Progress, TrainingRecord

Loss = Callable[[torch.Generator], tuple[Tensor, Mapping[str, float]]]


@dataclass(frozen=True)
class Descent:
    """How to descend.

    Attributes:
        iterations: at most so many.
        learning_rate: at the start and after each restart.
        restart: iterations of the first cosine; 0 lets it fall once, over all of them.
        plateau_from: iteration from which the rate is halved where the loss stalls
            instead; None never.
        plateau_patience: iterations without a lower loss before it is.
        plateau_rate: learning rate from there on; None goes on from the cosine's.
        smallest_rate: at which it is not halved any more.
        weight_decay: of AdamW.
        gradient_norm: longer gradients are shortened to it; 0 leaves them.
        stop_below: ends early at a loss below it.
        seed: of everything random.
        log_every: iterations between rows of the curve.
    """

    iterations: int
    learning_rate: float = 1e-3
    restart: int = 0
    plateau_from: int | None = None
    plateau_patience: int = 200
    plateau_rate: float | None = None
    smallest_rate: float = 0.0
    weight_decay: float = 0.0
    gradient_norm: float = 0.0
    stop_below: float = 0.0
    seed: int = 0
    log_every: int = 50


def descend(
    loss: Loss,
    modules: Sequence[nn.Module],
    how: Descent,
    record: TrainingRecord,
    progress: Progress | None = None,
) -> str:
    """Lower a loss by changing the parameters of modules in place.

    Args:
        loss: of a generator of random numbers (for batches): the loss, and its terms
            by name, for the curve.
        modules: whose parameters are trained.
        how: schedule.
        record: takes the curve; a state in it is gone on from.
        progress: called with (done, iterations).

    Returns:
        Why it ended, one line.

    Raises:
        ValueError: the loss is not finite any more.
    """
    parameters = [p for module in modules for p in module.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=how.learning_rate, weight_decay=how.weight_decay
    )
    random = torch.Generator().manual_seed(how.seed)
    best, since_best, first = float("inf"), 0, 0
    rate = how.learning_rate
    if record.is_resumed:
        first, best, since_best, rate = _restore(record, modules, optimiser, random)
    now = record.curve["loss"][-1] if record.curve else best
    if now < how.stop_below:
        return f"the loss fell below {how.stop_below:g} in {first} steps"
    for iteration in range(first, how.iterations):
        in_plateau = how.plateau_from is not None and iteration >= how.plateau_from
        if not in_plateau:
            rate = _cosine(how, iteration)
        elif iteration == how.plateau_from:
            # What the smallest rates of a cosine reached is no measure for larger ones.
            best, since_best = float("inf"), 0
            rate = how.plateau_rate or rate
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        value, terms = loss(random)
        value.backward()
        if how.gradient_norm:
            nn.utils.clip_grad_norm_(parameters, how.gradient_norm)
        optimiser.step()
        now = value.item()
        if not np.isfinite(now):
            raise ValueError(
                f"the loss is {now} in iteration {iteration + 1}; lower the learning "
                f"rate, which is {rate:g}"
            )
        since_best = 0 if now < best * (1.0 - 1e-4) else since_best + 1
        best = min(best, now)
        if in_plateau and since_best > how.plateau_patience:
            rate, since_best = max(0.5 * rate, min(rate, how.smallest_rate)), 0
        last = iteration + 1 == how.iterations or now < how.stop_below
        if last or (iteration + 1) % how.log_every == 0:
            record.log(iteration + 1, loss=now, **terms, learning_rate=rate)
            # The rate as it is now: a state kept where it is halved goes on halved.
            facts = {"iteration": iteration + 1, "best": best}
            facts |= {"since_best": since_best, "rate": rate}
            _keep(record, modules, optimiser, random, facts)
        if progress:
            progress(iteration + 1, how.iterations)
        if now < how.stop_below:
            return f"the loss fell below {how.stop_below:g} in {iteration + 1} steps"
    return f"{how.iterations} iterations were over; the loss was {now:.3g}"


def _cosine(how: Descent, iteration: int) -> float:
    """Rate of cosine annealing; each cosine is twice as long as the one before."""
    length = how.restart or how.iterations
    begin = 0
    while iteration >= begin + length:
        begin += length
        length *= 2
    share = (iteration - begin) / length
    return how.learning_rate * 0.5 * (1.0 + float(np.cos(np.pi * share)))


def _keep(
    record: TrainingRecord,
    modules: Sequence[nn.Module],
    optimiser: torch.optim.Optimizer,
    random: torch.Generator,
    facts: Mapping[str, float],
) -> None:
    tensors: dict[str, Any] = {"random": random.get_state().numpy()}
    for k, module in enumerate(modules):
        for name, tensor in module.state_dict().items():
            tensors[f"module.{k}.{name}"] = tensor.detach().cpu().numpy()
    for k, own in optimiser.state_dict()["state"].items():
        for name, tensor in own.items():
            tensors[f"optimiser.{k}.{name}"] = tensor.detach().cpu().numpy()
    record.keep(tensors, facts)


def _restore(
    record: TrainingRecord,
    modules: Sequence[nn.Module],
    optimiser: torch.optim.Optimizer,
    random: torch.Generator,
) -> tuple[int, float, int, float]:
    tensors = {name: torch.from_numpy(t) for name, t in record.tensors.items()}
    random.set_state(tensors["random"])
    for k, module in enumerate(modules):
        start = f"module.{k}."
        module.load_state_dict(
            {
                n.removeprefix(start): t
                for n, t in tensors.items()
                if n.startswith(start)
            }
        )
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        what, _, rest = name.partition(".")
        if what == "optimiser":
            k, _, own = rest.partition(".")
            state.setdefault(int(k), {})[own] = tensor
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )
    facts = record.facts
    return facts["iteration"], facts["best"], facts["since_best"], facts["rate"]
