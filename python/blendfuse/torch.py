"""The fusion model as a PyTorch module, with the tensor names of the weights file.

    model = FusionModel.from_run("runs/fold0")
    x, present = model.read_batch("DATA/features/test", clips)
    p, s, f = model.probabilities(model(x, present))

It is a statement of the model of its own, not a binding: the golden values that the Rust engine is
tested against are made with it. Needs torch: `pip install 'blendfuse[torch]'`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .decoding import Decoder, alignment
from .features import read_features
from .weights import Weights, load_weights, save_weights

RENORMALISE_EPS = 1e-12
ALIGN_EPS = 1e-8

Child = TypeVar("Child", bound=nn.Module)


@dataclass(frozen=True)
class Config:
    """The options of the model and its losses; defaults are the paper's Table IV."""

    projection_dim: int = 256
    shared_dim: int = 512
    gate_hidden: int = 128
    head_hidden: int = 256
    top_k: int = 22
    dropout: float = 0.33
    dropout_projection: float | None = None
    """Of the projections, if different from `dropout`; likewise the next two."""
    dropout_fusion: float | None = None
    dropout_heads: float | None = None
    gate: str = "attention"
    """Or "uniform"."""
    heads: str = "dual"
    """Or "single"."""
    temperature: float = 0.7
    temperature_min: float = 0.55
    temperature_max: float = 1.25
    temperature_learned: bool = True
    presence_weight: float = 0.68
    salience_weight: float = 0.32
    presence: str = "soft_ce"
    """Loss of the presence head; or "bce"."""
    uda: bool = False
    domain_weight: float = 0.15
    reversal_weight: float = 0.3

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Config:
        """From the configuration in a weights file."""
        uda = dict(config["uda"])
        return cls(
            **config["model"],
            **config["loss"],
            uda=uda["enabled"],
            domain_weight=uda["domain_weight"],
            reversal_weight=uda["reversal_weight"],
        )

    def dropout_of(self, part: float | None) -> float:
        return self.dropout if part is None else part


class ReverseGradient(torch.autograd.Function):
    """Identity forward; multiplies the gradient by -weight backward (eq. 11)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return -ctx.weight * gradients[0], None


class Named(nn.Module, Generic[Child]):
    """Modules whose names are part of their tensors' names. Unlike `nn.ModuleDict` it takes any name:
    `a.b` is `b` inside `a`, which gives the same tensor names."""

    def __init__(self, children: Mapping[str, Child]):
        super().__init__()
        for name, child in children.items():
            *folders, last = name.split(".")
            at: nn.Module = self
            for folder in folders:
                inner = at._modules.get(folder)
                if inner is None:
                    inner = at._modules[folder] = Named({})
                at = inner
            at._modules[last] = child

    def __getitem__(self, name: str) -> Child:
        at: nn.Module | None = self
        for part in name.split("."):
            at = cast(nn.Module, at)._modules[part]
        return cast(Child, at)


class Standardise(nn.Module):
    """(x - mean) / std of each column; std exactly 1 marks a constant column, which becomes 0."""

    mean: Tensor
    std: Tensor
    inverse: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        # The number after 1: columns are not changed until a file is loaded.
        self.register_buffer("std", torch.full((width,), 1.0 + torch.finfo(torch.float32).eps))
        # Stored separately, because a coarser type would round other columns to 1 too.
        self.register_buffer("inverse", torch.ones(width), persistent=False)
        self.register_load_state_dict_post_hook(_invert)

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.mean.dtype) - self.mean) * self.inverse


def _invert(module: nn.Module, _: Any) -> None:
    std = cast(Standardise, module).std
    module.inverse = torch.where(std == 1, torch.zeros_like(std), 1 / std)


class Projection(nn.Module):
    """h = Dropout(ReLU(BatchNorm(W x + b))) over the rows that have this encoder (eq. 1)."""

    def __init__(self, inputs: int, width: int, dropout: float):
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        if present is None:
            return self.dropout(torch.relu(self.norm(self.linear(x)))) if len(x) != 1 else self._few(x)
        h = x.new_zeros(len(x), self.linear.out_features)
        count = int(present.sum())
        if count == 0:
            return h  # no gradient reaches this encoder: the optimiser does not update it
        y = x[present]
        activations = self._few(y) if count < 2 else self.dropout(torch.relu(self.norm(self.linear(y))))
        return h.index_put((present.nonzero()[:, 0],), activations)

    def _few(self, x: Tensor) -> Tensor:
        """One row has no variance: uses the running statistics without updating them."""
        norm = self.norm
        y = F.batch_norm(
            self.linear(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
        return cast(Tensor, self.dropout(torch.relu(y)))


class Gate(nn.Sequential):
    """g = A_2 ReLU(A_1 H + c_1) + c_2 and the temperature (eq. 3): gate.0, gate.2, gate.temperature."""

    temperature: Tensor

    def __init__(self, inputs: int, encoders: int, config: Config):
        super().__init__(
            nn.Linear(inputs, config.gate_hidden), nn.ReLU(), nn.Linear(config.gate_hidden, encoders)
        )
        temperature = torch.tensor([config.temperature])
        if config.temperature_learned:
            self.temperature = nn.Parameter(temperature)
        else:
            self.register_buffer("temperature", temperature)


class Fusion(nn.Module):
    """z = Dropout(ReLU(BatchNorm(F u + f))) (eq. 6)."""

    def __init__(self, inputs: int, width: int, dropout: float):
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, u: Tensor) -> Tensor:
        return cast(Tensor, self.dropout(torch.relu(self.norm(self.linear(u)))))


def head(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """Linear, ReLU, Dropout, Linear (eq. 7): NAME.0 and NAME.3."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )


def keep_largest(weights: Tensor, n: int) -> Tensor:
    """0/1 mask of the n largest weights above 0 of each row, ties to the lower index."""
    order = torch.sort(weights.detach(), dim=1, descending=True, stable=True).indices
    mask = torch.zeros_like(weights).scatter(1, order[:, :n], 1.0)
    return mask * (weights.detach() > 0)


class FusionModel(nn.Module):
    """The network from one feature matrix per encoder to logits.

    `encoders` maps names to input widths, in order. With `standardise` the model takes features as
    their files hold them, and keeps the columns' statistics as `input.NAME.mean` and `.std`; without, it
    takes them as they are.

    `expects` says what a model from a run expects. One that standardises per actor (`data.standardize="actor"`)
    takes features that are standardised already: the module sees single clips, and not the others of their actor.
    `bound` limits standardised values to ± it; infinity: not at all.
    """

    def __init__(
        self,
        encoders: Mapping[str, int],
        classes: int,
        config: Config | None = None,
        *,
        standardise: bool = False,
        bound: float = float("inf"),
    ):
        super().__init__()
        self.bound = bound
        self.expects = "features as in their files" if standardise else "features as training took them"
        c, count = config or Config(), len(encoders)
        self.config = c
        self.names = list(encoders)
        self.widths = dict(encoders)
        self.weights: Weights[Any] | None = None
        """The description in the file that the model was loaded from; its tensors are not kept."""
        self.alpha = 1.0
        """Exponent of the salience in the alignment (eq. 14), from the file."""
        self.beta = 1.0
        """Exponent of the presence: 1 in the paper, 0 for the salience head alone."""
        projecting, fusing, deciding = (
            c.dropout_of(part) for part in (c.dropout_projection, c.dropout_fusion, c.dropout_heads)
        )
        self.encoders = Named(
            {name: Projection(width, c.projection_dim, projecting) for name, width in encoders.items()}
        )
        joined = count * c.projection_dim
        self.gate = Gate(joined, count, c) if c.gate == "attention" else None
        self.fusion = Fusion(joined, c.shared_dim, fusing)
        self.presence = head(c.shared_dim, c.head_hidden, classes, deciding)
        # A single head, named `presence`, gives the logits of both presence and salience.
        self.salience = head(c.shared_dim, c.head_hidden, classes, deciding) if c.heads == "dual" else None
        self.domain = head(c.shared_dim, c.head_hidden, 2, deciding) if c.uda else None
        self.input = (
            Named({name: Standardise(width) for name, width in encoders.items()}) if standardise else None
        )

    @classmethod
    def from_run(
        cls, run_or_file: str | PathLike[str], device: torch.device | str | None = None
    ) -> FusionModel:
        """A trained model from a run folder or a weights file; in evaluation mode.

        Raises:
            FileNotFoundError, ValueError: as `blendfuse.load_weights`.
        """
        weights = load_weights(run_or_file, "torch")
        try:
            config, data = Config.of(weights.config), weights.config["data"]
            standardise, bound = data["standardize"], data.get("clip_values", 0.0)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{weights.path}: unreadable configuration: {error}") from error
        widths = {encoder.name: encoder.width for encoder in weights.encoders}
        per_actor = standardise == "actor"
        model = cls(
            widths,
            len(weights.classes),
            config,
            standardise=standardise is True,
            bound=bound if bound > 0 else float("inf"),
        )
        tensors = weights.tensors
        if per_actor:
            model.expects = (
                "features standardised by each actor's own clips, with k = "
                f"{data.get('actor_shrinkage', 5.0):g} (docs/new-people.md)"
            )
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("input.")}
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(f"{weights.path}: {' '.join(str(error).split())}") from error
        model.alpha, model.beta = alignment(weights.thresholds)
        model.weights = Weights(**{**weights.__dict__, "tensors": {}})
        return model.to(device).eval()

    def forward(
        self, x: Mapping[str, Tensor], present: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Everything from the projections to the logits.

        `x[name]` is (B, D_m); an encoder that is not in `x` is missing for all rows, as with
        `predict --drop`. `present[name]` is (B,) bool and says which rows have the encoder; names that
        are not in it have all.

        Returns `h` (B, M, P), `gate_logits` (B, M; not of a uniform gate), `weights` a (B, M), `mask` and
        `renormalised` ã after selection, `z` (B, Z), `presence_logits` and `salience_logits` (B, C; the
        same with a single head), and in training with a domain adversary `domain_logits` (B, 2).

        Raises:
            ValueError: if names or shapes do not fit, or a row has no encoder at all.
        """
        present = present or {}
        rows = self._rows(x, present)
        like = self.fusion.linear.weight
        everyone = torch.ones(rows, dtype=torch.bool, device=like.device)
        here = torch.stack(
            [present.get(name, everyone) if name in x else ~everyone for name in self.names], dim=1
        )
        # Only checked where possible: the check waits for a GPU, and splits a compiled graph.
        if all(name in present for name in x):
            without = (~here.any(dim=1)).nonzero()[:, 0].tolist()
            if without:
                raise ValueError(f"row {without[0]}: has no encoder; expected at least one, leave it out")
        h = torch.stack([self._project(name, x, present, rows) for name in self.names], dim=1)
        out = {"h": h}
        if self.gate is None:
            mask = here.to(h.dtype)
            weights = renormalised = mask / mask.sum(dim=1, keepdim=True)
        else:
            logits = out["gate_logits"] = self.gate(h.flatten(1))
            # -inf after the division, or the temperature's gradient is 0 times infinity.
            scaled = (logits / self.gate.temperature).masked_fill(~here, float("-inf"))
            weights = torch.softmax(scaled, dim=1)
            mask = keep_largest(weights, self.config.top_k)
            kept = weights * mask
            renormalised = kept / (kept.sum(dim=1, keepdim=True) + RENORMALISE_EPS)
        u = renormalised.unsqueeze(2) * h
        z = self.fusion(u.flatten(1))
        out |= {"weights": weights, "mask": mask, "renormalised": renormalised, "z": z}
        out["presence_logits"] = self.presence(z)
        out["salience_logits"] = out["presence_logits"] if self.salience is None else self.salience(z)
        if self.domain is not None and self.training:
            reversed_z = ReverseGradient.apply(z, self.config.reversal_weight)
            out["domain_logits"] = self.domain(reversed_z)
        return out

    def losses(self, out: Mapping[str, Tensor], y: Tensor) -> dict[str, Tensor]:
        """`total`, `presence`, `salience` and `domain` loss (eqs. 9 to 13) of a batch whose first len(y)
        rows are labelled; `y` is (rows, C), the soft labels. With a domain adversary all other rows
        are target rows."""
        c, labelled = self.config, len(y)
        presence_logits = out["presence_logits"][:labelled]
        if c.presence == "soft_ce":
            presence = F.cross_entropy(presence_logits, y)
        else:
            presence = F.binary_cross_entropy_with_logits(presence_logits, y)
        salience = F.cross_entropy(out["salience_logits"][:labelled], y)
        total = c.presence_weight * presence + c.salience_weight * salience
        losses = {"presence": presence, "salience": salience}
        if "domain_logits" in out:
            logits = out["domain_logits"]
            target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
            target[labelled:] = 1
            losses["domain"] = F.cross_entropy(logits, target)
            total = total + c.domain_weight * losses["domain"]
        losses["total"] = total
        return losses

    def clamp_temperature(self) -> None:
        """Clamps the temperature to its range; call it after each optimiser step."""
        if self.gate is not None:
            with torch.no_grad():
                self.gate.temperature.clamp_(self.config.temperature_min, self.config.temperature_max)

    def probabilities(self, out: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """p, s and f of a forward pass, aligned with the model's own `alpha` and `beta`."""
        return probabilities(out, self.alpha, self.beta)

    def emotions(self, out: Mapping[str, Tensor]) -> list[dict[str, float]]:
        """The emotions of each row of a forward pass with their saliences in percent, as `predict` decodes
        them, for a model from `from_run`.

        Raises:
            ValueError: if the model is not from a file, so that nothing tells classes and thresholds.
        """
        if self.weights is None:
            raise ValueError(
                "the model is not from a weights file, which would hold its classes and thresholds;"
                " use blendfuse.Decoder"
            )
        # As the program: the heads in single precision, the alignment in double.
        p = torch.sigmoid(out["presence_logits"].double()).float()
        s = torch.softmax(out["salience_logits"].double(), dim=1).float()
        aligned = align(p.double(), s.double(), self.alpha, self.beta)
        decoder = Decoder.of(self.weights)
        return [decoder.decode(row) for row in aligned.cpu().tolist()]

    def read_batch(
        self, folder: str | PathLike[str], clips: Iterable[str], drop: Sequence[str] = ()
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """`x` and `present` of clips from a folder of feature files (such as DATA/features/test), for
        `forward`; without the encoders in `drop`."""
        clips, device = list(clips), self.fusion.linear.weight.device
        x, present = {}, {}
        for name in (name for name in self.names if name not in drop):
            rows, has = read_features(Path(folder) / f"{name}.npz", clips)
            x[name] = torch.from_numpy(rows).to(device)
            if not has.all():
                present[name] = torch.from_numpy(has).to(device)
        return x, present

    def tensors(self) -> dict[str, Tensor]:
        """The contents of a weights file: the state_dict without BatchNorm's step counters, which
        load_state_dict does not need."""
        return {
            name: tensor
            for name, tensor in self.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a weights file that `blendfuse predict` reads, for a model from `from_run`.

        Epoch and decoding thresholds are those of the file that it is from.

        Raises:
            ValueError: if the model is not from a file, so that nothing tells classes and modalities;
                write `tensors()` with safetensors then and give it to `blendfuse train --init`.
            FileExistsError: if `path` is there, without `overwrite`.
        """
        if self.weights is None:
            raise ValueError(
                f"{path}: the model is not from a weights file, which would describe its classes and encoders;"
                " write tensors() with safetensors, for `blendfuse train --init`"
            )
        arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in self.tensors().items()}
        try:
            program = f"blendfuse.torch {version('blendfuse')}"
        except PackageNotFoundError:  # from a clone
            program = "blendfuse.torch"
        save_weights(path, self.weights, arrays, program, overwrite=overwrite)

    def _rows(self, x: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> int:
        known = ", ".join(self.names)
        for name in [*x, *present]:
            if name not in self.widths:
                raise ValueError(
                    f"encoder {name!r}: the model has no such encoder; expected some of: {known}"
                )
        if not x:
            raise ValueError(f"x: found no encoders, expected some of: {known}")
        rows = len(next(iter(x.values())))
        for name, matrix in x.items():
            if matrix.shape != (rows, self.widths[name]):
                raise ValueError(
                    f"encoder {name!r}: found x {list(matrix.shape)}, expected [{rows}, {self.widths[name]}]:"
                    " the columns of the feature file that the model was trained on"
                )
        for name, mask in present.items():
            if mask.shape != (rows,) or mask.dtype != torch.bool:
                raise ValueError(
                    f"encoder {name!r}: found present {list(mask.shape)} of {mask.dtype}, expected [{rows}] of bool"
                )
        return rows

    def _project(
        self, name: str, x: Mapping[str, Tensor], present: Mapping[str, Tensor], rows: int
    ) -> Tensor:
        if name not in x:
            return self.fusion.linear.weight.new_zeros(rows, self.config.projection_dim)
        features = x[name] if self.input is None else self.input[name](x[name])
        if self.bound < float("inf"):
            features = features.clamp(-self.bound, self.bound)
        return cast(Tensor, self.encoders[name](features, present.get(name)))


def probabilities(
    out: Mapping[str, Tensor], alpha: float = 1.0, beta: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Presence p, salience s (eq. 8) and the aligned f (eq. 14) of a forward pass."""
    p = torch.sigmoid(out["presence_logits"])
    s = torch.softmax(out["salience_logits"], dim=1)
    # If all terms underflow, as with a large alpha, their logarithms still differ.
    return p, s, align(p, s, alpha, beta, F.logsigmoid(out["presence_logits"]))


def align(p: Tensor, s: Tensor, alpha: float, beta: float = 1.0, log_p: Tensor | None = None) -> Tensor:
    """f = p^beta (s + eps)^alpha, each row normalised (eq. 14); `log_p` are p's logarithms, where they are
    known better than from p."""
    f = p**beta * (s + ALIGN_EPS) ** alpha
    total = f.sum(dim=1, keepdim=True)
    logs = beta * (p.log() if log_p is None else log_p) if beta else torch.zeros_like(p)
    logs = torch.softmax(logs + alpha * torch.log(s + ALIGN_EPS), dim=1)
    usable = total > torch.finfo(total.dtype).tiny / torch.finfo(total.dtype).eps
    return torch.where(usable, f / total, logs)
