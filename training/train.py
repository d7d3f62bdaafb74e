# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the lift network.

    python -m rotocap.training.train [--motion DIR] [--out DIR] [--minutes 170] [--gpu]

Goes on from the last checkpoint in the output folder. From scratch on two CPU cores it
takes at most the given minutes; with a GPU the run is bigger and longer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..inference.lift import layout
from .losses import Prediction, loss, tokens
from .measure import measure
from .model import Lift, ModelOptions
from .motion_data import SHARED, MotionSet
from .synthesis import Synthesis, Variety

ROOT = Path(__file__).parents[1]
EMPHASIS = Path(__file__).parent / "emphasis.json"  # of `examine` on an earlier network, by take
_HIDDEN = ("trunk", "whole", "past", "future")  # parts of the network between entry and heads


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """One run."""

    minutes: float = 170.0
    # Frames of one window are much alike: poses and cameras are learnt from single tokens, how
    # they follow each other from short windows, motion from long ones in the last part.
    # Muon makes more of a step than AdamW and takes time of its own, so steps are larger than the
    # 768 frames that were best for AdamW alone (docs/lift.md).
    batch: int = 1536  # frames of a step of single tokens
    window_batch: int = 3072  # frames of a step of windows
    short: int = 16
    long: int = 48
    alone_share: float = 0.35  # of the time, single tokens and no time in the network
    long_share: float = 0.3  # of the time
    peak: float = 6.0e-4  # rate of AdamW, for all but the hidden matrices
    # Hidden matrices learn by Muon (Jordan et al., 2024): a third of AdamW's steps for the same error.
    # From scratch; with `--begin` 0.006.
    hidden_peak: float = 0.02
    hidden_rounds: int = 3  # Newton-Schulz iterations: five cost more than they gain
    warm_up: int = 150  # steps
    decay: float = 0.9  # last share of the time in which the rate falls to nothing
    weight_decay: float = 0.02
    average: float = 0.999  # of the weights that are kept (exponential moving average)
    seed: int = 20
    log_every: int = 50  # steps
    save_every_s: float = 120.0
    measure_every_s: float = 600.0


def rate(options: TrainOptions, step: int, share: float) -> float:
    """Share of the peak rates at a step, `share` (0 to 1) of the way through: up, level, down to 0.01."""
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    if share <= 1.0 - options.decay:
        return 1.0
    left = max(0.0, (1.0 - share) / options.decay)
    return max(0.01, left)


def optimisers(model: Lift, options: TrainOptions) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden features, AdamW for all else (what enters, heads, biases)."""
    hidden, decayed, level = [], [], []
    for name, parameter in model.named_parameters():
        if name.split(".")[0] in _HIDDEN and name.endswith("weight") and parameter.dim() == 2:
            hidden.append(parameter)
        else:
            (decayed if parameter.dim() >= 2 else level).append(parameter)
    return [
        torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": options.weight_decay},
                {"params": level, "weight_decay": 0.0},
            ],
            lr=options.peak,
            betas=(0.9, 0.98),
            fused=True,
        ),
        torch.optim.Muon(
            hidden, lr=options.hidden_peak, weight_decay=0.1, momentum=0.95, ns_steps=options.hidden_rounds
        ),
    ]


def calm(share: float) -> float:
    """How much motion costs, `share` (0 to 1) of the way through: places first, then smoothness.

    The gradient of the motion's error is ten times that of the places' and mostly noise: at
    full strength it is all that the network learns from.
    """
    return 0.02 + 0.28 * min(1.0, max(0.0, (share - 0.7) / 0.2))


def train(
    motion: MotionSet,
    held_out: MotionSet | None,
    out: Path,
    *,
    options: TrainOptions,
    model_options: ModelOptions,
    variety: Variety,
    begin: Path | None = None,
    emphasis: Mapping[str, float] | None = None,
    device: str = "cpu",
) -> Lift:
    """Train, or go on, until the time is up; checkpoints and a log in `out`. Returns the averaged network."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    model = Lift(model_options).to(device)
    average = Lift(model_options).to(device)
    average.load_state_dict(model.state_dict())
    adam, muon = both = optimisers(model, options)
    step, shown, spent = 0, 0, 0.0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if "optimisers" not in state:
            raise SystemExit(
                f"{checkpoint} is of an earlier version and cannot be gone on from: "
                "give another --out, and this file to --begin"
            )
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for optimiser, kept in zip(both, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        step, shown, spent = int(state["step"]), int(state["frames"]), float(state["spent"])
        print(f"goes on from step {step}, {spent / 60:.0f} minutes in", flush=True)
    elif begin is not None:
        # An older network may lack the newest heads, or have had others.
        weights = torch.load(begin, map_location=device, weights_only=True)["average"]
        mine = model.state_dict()
        fit = {
            name: value for name, value in weights.items() if name in mine and mine[name].shape == value.shape
        }
        missing = model.load_state_dict(fit, strict=False)
        print(f"begins from {begin}; new: {missing.missing_keys}", flush=True)
        average.load_state_dict(model.state_dict())
    # The samples after a resumption are others than before it.
    more = None if emphasis is None else torch.tensor([emphasis.get(s.name, 1.0) for s in motion])
    data = Synthesis(motion, variety=variety, emphasis=more, seed=options.seed + step)
    log = (out / "log.jsonl").open("a", encoding="utf-8")
    began, resumed = time.monotonic(), spent
    saved = measured = began
    parts: dict[str, float] = {}
    while spent < options.minutes * 60.0:
        share = spent / (options.minutes * 60.0)
        now = rate(options, step, share)
        for optimiser, peak in ((adam, options.peak), (muon, options.hidden_peak)):
            for group in optimiser.param_groups:
                group["lr"] = peak * now
        in_time = share > options.alone_share
        frames = options.long if share > 1.0 - options.long_share else options.short
        if not in_time:
            frames = layout.FRAMES_PER_TOKEN
        count = (options.window_batch if in_time else options.batch) // frames
        batch = data.batch(count, frames)
        shown += count * frames
        with torch.autocast(device, dtype=torch.bfloat16):
            found = model(tokens(batch.inputs).to(device), in_time=in_time)
        total, new = loss(Prediction.of(found.cpu()), batch, calm=calm(share), in_time=in_time)
        model.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            for optimiser in both:
                optimiser.step()
        # Early on the average follows quickly.
        keep = min(options.average, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1.0 - keep)
        step += 1
        parts = {name: 0.98 * parts.get(name, value) + 0.02 * value for name, value in new.items()}
        spent = resumed + time.monotonic() - began
        if step % options.log_every == 0:
            line = {"step": step, "minutes": round(spent / 60, 2), "rate": now, "norm": float(norm)}
            line |= {"frames": shown, "window": frames}
            line |= {name: round(value, 5) for name, value in parts.items()}
            log.write(json.dumps(line) + "\n")
            log.flush()
            print(line, flush=True)
        if time.monotonic() - saved > options.save_every_s:
            _save(checkpoint, model, average, both, step, shown, spent)
            saved = time.monotonic()
        if held_out is not None and time.monotonic() - measured > options.measure_every_s:
            figures = measure(average, held_out, windows=64, in_time=in_time)
            print({"step": step, **{k: round(v, 3) for k, v in figures.items()}}, flush=True)
            log.write(json.dumps({"step": step, "measured": figures}) + "\n")
            spent_measuring = time.monotonic()
            began += spent_measuring - max(measured, spent_measuring)
            measured = time.monotonic()
    _save(checkpoint, model, average, both, step, shown, spent)
    (out / "options.json").write_text(
        json.dumps(
            {
                "train": asdict(options),
                "model": asdict(model_options),
                "variety": asdict(variety),
                "emphasis": emphasis is not None,
                "begin": None if begin is None else begin.name,
                "steps": step,
                "frames": shown,
                "fps": layout.FPS,
            },
            indent=1,
        )
    )
    return average


def _save(
    path: Path,
    model: Lift,
    average: Lift,
    both: list[torch.optim.Optimizer],
    step: int,
    shown: int,
    spent: float,
) -> None:
    """Written beside and renamed, so that a kill leaves the last one whole."""
    state = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in both],
        "step": step,
        "frames": shown,
        "spent": spent,
        "options": model.options.to_dict(),
    }
    temporary = path.with_suffix(".new")
    torch.save(state, temporary)
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=Path, default=SHARED, help="folder with train_*.npz and heldout.npz")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "training" / "lift")
    parser.add_argument("--minutes", type=float, default=TrainOptions.minutes)
    parser.add_argument("--begin", type=Path, help="checkpoint whose weights to start from")
    parser.add_argument(
        "--emphasis", type=Path, default=EMPHASIS, help="emphasis.json of `examine`: what to draw oftener"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="a wider network, on CUDA")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of run and model")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    train_kinds, model_kinds = asdict(TrainOptions()), asdict(ModelOptions())
    run, net = {"minutes": given.minutes}, {}
    for setting in given.set:
        name, _, value = setting.partition("=")
        kinds, chosen = (train_kinds, run) if name in train_kinds else (model_kinds, net)
        if name not in kinds:
            parser.error(f"no option {name}; there are {', '.join([*train_kinds, *model_kinds])}")
        kind = type(kinds[name])
        chosen[name] = value == "true" if kind is bool else kind(value)
    train(
        MotionSet.load(given.motion),
        MotionSet.load(given.motion, ["heldout"], purpose="evaluation"),
        given.out,
        options=TrainOptions(**run),
        model_options=ModelOptions(**net),
        variety=Variety(),
        begin=given.begin,
        emphasis=json.loads(given.emphasis.read_text(encoding="utf-8")),
        device="cuda" if given.gpu else "cpu",
    )


if __name__ == "__main__":
    main()
