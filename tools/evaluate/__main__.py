# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture the sample clip, the media clips and rendered walks, measure them, and draw them.

    python -m rotocap.tools.evaluate [--only NAME ...] [--keep] [--media DIR]

A table is printed, the same figures go to build/eval.json as flat keys, a contact sheet of
every clip to build/eval/. Clips that are not there are said to be skipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path

from ...inference.capture import BackendMaker, CaptureOptions, capture, mediapipe
from ...inference.errors import NoPersonError, RotocapError
from ...inference.progress import Progress
from ...inference.review import review
from ...inference.sequence import SmplxSequence
from ...inference.take import Take
from .. import side_videos
from . import (
    automap,
    face,
    four_views,
    hand_finding,
    hands,
    lift,
    retarget,
    retarget_pictures,
    rigify,
    views,
    world,
)
from .accuracy import Accuracy, against_truth
from .clips import CLIPS, measure

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
SAMPLE = ROOT / "tests" / "data" / "sample"
MEDIA = ROOT.parent / "shared" / "media"
MOTION = ROOT.parent / "shared" / "motion"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("views", "world", "lift", "face", "hands", "retarget", "hands_found")
    names = ["sample", *(clip.name for clip in CLIPS), *parts]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--media", type=Path, default=MEDIA, help="folder of the clips")
    parser.add_argument("--motion", type=Path, default=MOTION, help="folder of the held-out motion")
    parser.add_argument("--keep", action="store_true", help="measure the takes of the last run again")
    parser.add_argument("--no-pictures", action="store_true", help="draw no contact sheets")
    options = parser.parse_args(arguments)
    wanted = options.only or names
    figures: dict[str, float] = {}
    skipped: list[str] = []
    folder = BUILD / "eval"
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        if name == "retarget":
            figures.update(_retarget(options.motion, folder, skipped, pictures=not options.no_pictures))
            continue
        if name == "hands_found":
            figures.update(
                _hands_found(
                    options.media, folder, skipped, keep=options.keep, pictures=not options.no_pictures
                )
            )
            continue
        if name == "views":
            figures.update(_views(options.media / views.FOLDER, folder, skipped, keep=options.keep))
            continue
        if name == "hands":
            figures.update(_hands(options.motion, folder, skipped, keep=options.keep))
            continue
        if name == "lift":
            figures.update(_lift(options.motion, skipped))
            continue
        if name == "face":
            figures.update(face.measure(folder, _say, keep=options.keep))
            continue
        if name == "world":
            figures.update(_world(options.motion, folder / "walks", skipped, keep=options.keep))
            continue
        clip = next((clip for clip in CLIPS if clip.name == name), None)
        video = SAMPLE / "sample.mp4" if clip is None else options.media / clip.file
        if not video.is_file():
            skipped.append(f"{name}: needs {video}")
            continue
        began = time.monotonic()
        take = _captured(video, folder / f"{name}.take", keep=options.keep)
        took = time.monotonic() - began
        if clip is None:
            figures.update(_sample(take))
        else:
            figures.update({f"clips.{name}.{k}": v for k, v in measure(clip, take, _say).items()})
        if not options.keep:
            figures[f"{'sample' if clip is None else f'clips.{name}'}.seconds"] = took
        if not options.no_pictures:
            _say(f"{name}: drawn in {review(take, folder / f'{name}.png')}")
            if take.people and (clip is None or clip.people == 1):
                sheet = side_videos.sheet(take, folder / f"{name}_sides.png", count=12)
                film = side_videos.film(take, folder / f"{name}_sides.mp4", every=2)
                _say(f"{name}: from the side and from above in {sheet} and {film}")
    _write(figures)
    _table(figures)
    for line in skipped:
        print(f"SKIPPED {line}")
    return 0


def compare_sample(take: Take) -> Accuracy | None:
    """A take of the sample clip against its truth. None where nobody was found in it."""
    if not take.people:
        return None
    return against_truth(take.sequence(take.people[0]), SmplxSequence.load(SAMPLE / "truth.npz"))


def _sample(take: Take) -> dict[str, float]:
    accuracy = compare_sample(take)
    if accuracy is None:
        return {"sample.found": 0.0}
    for joint, value in accuracy.per_joint_mm.items():
        _say(f"sample {joint:16} {value:6.1f} mm")
    return {
        f"sample.{name}": float(value)
        for name, value in vars(accuracy).items()
        if not isinstance(value, dict)
    } | {f"sample.joints.{joint}_mm": value for joint, value in accuracy.per_joint_mm.items()}


def _retarget(motion: Path, folder: Path, skipped: list[str], *, pictures: bool) -> dict[str, float]:
    figures, missing = retarget.measure(motion, _say)
    generated, without = rigify.measure(motion, _say)
    figures |= generated | automap.automap_score()
    skipped += [*missing, *without]
    motions = retarget.motions(motion)
    if pictures and motions:
        targets = list(retarget.targets())
        drawn = retarget_pictures.sheets(motions, targets, folder / "retarget.png")
        some = motions.get("dance") or next(iter(motions.values()))
        drawn += [
            retarget_pictures.skinned(some, target, folder / f"retarget-skin-{target.name}.png")
            for target in targets
            if target.name in retarget_pictures.SKINNED
        ]
        _say(f"retarget: drawn in {', '.join(str(file) for file in drawn)}")
    return figures


def _hands_found(
    media: Path, folder: Path, skipped: list[str], *, keep: bool, pictures: bool
) -> dict[str, float]:
    figures: dict[str, float] = {}
    if importlib.util.find_spec("torch") is None:
        skipped.append("hands_found: crossings need torch (tools/setup.sh reference)")
    else:
        figures |= hand_finding.crossings(folder, _say, pictures=pictures)
    for clip in CLIPS:
        if clip.name not in hand_finding.CLIPS:
            continue
        video = media / clip.file
        if video.is_file():
            take = _captured(video, folder / f"{clip.name}.take", keep=keep)
            figures |= hand_finding.in_take(clip.name, take, folder, _say)
        else:
            skipped.append(f"hands_found: needs {video}")
    return figures


def _views(media: Path, folder: Path, skipped: list[str], *, keep: bool) -> dict[str, float]:
    if not media.is_dir():
        skipped.append(f"views: needs {media}")
        return {}

    def captured(video: Path, name: str, plain: bool) -> Take:
        reader = four_views.plain if plain else mediapipe
        take = _captured(video, folder / f"{name}.take", keep=keep, backend=reader)
        if not plain:
            review(take, folder / f"{name}.png")
        return take

    return views.measure(media, captured, _say)


def _world(motion: Path, folder: Path, skipped: list[str], *, keep: bool) -> dict[str, float]:
    if not (motion / world.HELD_OUT).is_file():
        skipped.append(f"world: needs {motion / world.HELD_OUT}")
        return {}
    return world.measure(motion, folder, _say, keep=keep)


def _hands(motion: Path, folder: Path, skipped: list[str], *, keep: bool) -> dict[str, float]:
    if not (motion / hands.BANK).is_file():
        skipped.append(f"hands: needs {motion / hands.BANK}")
        return {}
    return hands.measure(motion, folder, _say, keep=keep)


def _lift(motion: Path, skipped: list[str]) -> dict[str, float]:
    missing = [str(path) for path in (motion / f"{name}.npz" for name in lift.FILES) if not path.is_file()]
    if importlib.util.find_spec("torch") is None:
        missing.append("torch (tools/setup.sh reference)")
    if missing:
        skipped.append(f"lift: needs {', '.join(missing)}")
        return {}
    return lift.measure(motion, _say)


def _captured(video: Path, out: Path, *, keep: bool, backend: BackendMaker = mediapipe) -> Take:
    if keep and (out / "take.toml").is_file():
        return Take.open(out)
    try:
        options = CaptureOptions(video=video, out=out, overwrite=True)
        return capture(options, progress=_progress, backend=backend)
    except NoPersonError:
        return Take.open(out)
    finally:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)


def _progress(report: Progress) -> None:
    if sys.stderr.isatty():
        left = "" if report.eta_s is None else f", {report.eta_s:.0f} s left"
        text = f"{report.stage} {report.done} of {report.total}, {report.rate:.1f}/s{left}"
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _write(figures: dict[str, float]) -> None:
    """Into build/eval.json; figures of clips that were not measured now stay."""
    path = BUILD / "eval.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    merged = dict(sorted({**old, **{k: round(v, 4) for k, v in figures.items()}}.items()))
    path.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")


def _table(figures: dict[str, float]) -> None:
    print()
    for key, value in sorted(figures.items()):
        if not key.startswith("sample.joints."):
            print(f"{key:36} {value:10.3f}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RotocapError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
