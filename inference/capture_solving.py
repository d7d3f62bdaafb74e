# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of a capture: the landmarks of a take become people who move in a world.

It is made anew from the landmarks each time, one person after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import chunks, fit, moving_camera, world
from .camera_path import CameraPath, undistorted
from .errors import Cancelled, NoPersonError
from .fit.world_frame import CameraMotion
from .people import identity, swaps
from .people.track import gaps
from .progress import Meter, ProgressReport
from .take import PersonRecord, Take, reopened

# Told apart on screen and in print, also by people who do not see red and green (Okabe and Ito).
COLOURS = (
    (0.90, 0.62, 0.00), (0.34, 0.71, 0.91), (0.00, 0.62, 0.45), (0.94, 0.89, 0.26),
    (0.00, 0.45, 0.70), (0.84, 0.37, 0.00), (0.80, 0.47, 0.65),
)  # fmt: skip


def solve(
    take: Take,
    camera_K: NDArray[np.float64],
    path: CameraPath | None,
    *,
    progress: ProgressReport,
    abandoned: Callable[[], bool],
) -> Take:
    """Persons, their motion and the world out of a take's landmarks, into its files.

    camera_K: (3, 3). path: of a camera that moves; None: it stands. Raises Cancelled where `abandoned`
    says so, or where a reading that was stopped has found nobody yet; NoPersonError, TakeError.
    """

    def check() -> None:
        if abandoned():
            raise Cancelled

    meter = Meter("people", 1, progress)
    sightings = chunks.sightings(take.path)
    rows = identity.persons(sightings)
    if not rows:
        if not take.read_to_end:
            raise Cancelled
        reopened(take, status="no_person", people=())
        raise NoPersonError(
            f"{take.video.name}: nobody was found in {take.frames_read} frames; "
            "choose a part in which a person is seen from head to feet"
        )
    if take.solve.people == "main":
        rows = rows[:1]
    elif take.solve.pick is not None:
        rows = [identity.picked(sightings, rows, *take.solve.pick)]
    meter.update(1, final=True)

    # Who was solved before stays until this is done, but under other settings it is no result yet.
    take = reopened(take, status="incomplete")
    # One person at a time: of a long take only what the world and the files need stays in memory.
    total = sum(len(person) for person in rows)
    meter = Meter("fit", total if path is None else 2 * total, progress)
    solved: list[_Solved] = []
    done = 0

    def solve_person(
        person: NDArray[np.integer[Any]], motion: CameraMotion | None = None, height_m: float | None = None
    ) -> _Solved:
        nonlocal done
        check()
        if height_m is None and person is rows[0]:
            height_m = take.solve.height_m
        options = fit.FitOptions(height_m=height_m)
        out = _solved(take, person, camera_K, path, motion, options, partial(_report, meter, done), check)
        done += len(person)
        return out

    warnings = [text for text in take.warnings if not moving_camera.is_warning(text)]
    if path is None:
        solved += [solve_person(person) for person in rows]
    else:
        plan = moving_camera.plan([_steps(solve_person(person), path) for person in rows], path)
        solved += map(solve_person, rows, plan.motions, plan.heights_m)
        warnings += plan.warnings
    meter.update(done, final=True)

    meter = Meter("world", 1, progress)
    results = [person.result for person in solved]
    if path is None:
        cameras = [world.world_from_camera(results)] * len(results)
    else:
        cameras = plan.world_from_camera(results)
    meter.update(1, final=True)

    # Every chunk was readable. Made anew below; a file that stayed would look like a result.
    for old in take.people:
        (take.path / old.file).unlink(missing_ok=True)
    take = reopened(take, status="incomplete", people=(), warnings=tuple(warnings))
    meter = Meter("write", len(solved), progress)
    people = []
    for index, someone in enumerate(solved):
        check()
        sequence = world.to_sequence(
            someone.result,
            frame=someone.frame,
            time_s=someone.time_s,
            keypoints=someone.keypoints,
            camera_K=camera_K,
            world_from_camera=cameras[index],
        )
        name = f"person_{index + 1:02d}"
        sequence.save(take.path / f"{name}.npz")
        people.append(
            PersonRecord(
                name=name,
                file=f"{name}.npz",
                colour=COLOURS[index % len(COLOURS)],
                main=index == 0,
                frames=len(someone.frame),
                first_frame=int(someone.frame[0]),
                last_frame=int(someone.frame[-1]),
                gaps=tuple(gaps(someone.frame, stride=take.read.stride)),
                swaps_repaired=someone.swaps_repaired,
            )
        )
        meter.update(index + 1, final=True)
    status = "complete" if take.read_to_end else "incomplete"
    return reopened(take, status=status, people=tuple(people))


@dataclass(frozen=True)
class _Solved:
    """A person between the fit and the file."""

    frame: NDArray[np.int64]
    time_s: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    result: fit.FitResult
    swaps_repaired: int


def _steps(person: _Solved, path: CameraPath) -> moving_camera.Steps:
    return moving_camera.Steps.of(
        person.result,
        time_s=person.time_s,
        camera=path.at(person.time_s),
        keypoints=person.keypoints,
    )


def _report(meter: Meter, before: int, done: int, total: int) -> None:
    meter.update(before + done)


def _solved(
    take: Take,
    rows: NDArray[np.integer[Any]],
    camera_K: NDArray[np.float64],
    path: CameraPath | None,
    motion: CameraMotion | None,
    options: fit.FitOptions,
    report: Callable[[int, int], None],
    check: Callable[[], None],
) -> _Solved:
    """Left and right put right, and the motion solved, of the person in these rows of the chunks.

    motion: how the camera moves, in metres; of `path` without it only how the camera turns is believed.
    """
    repair = swaps.repair(chunks.landmarks(take.path, rows))
    track = repair.landmarks
    keypoints = track.keypoints
    if path is not None:
        keypoints = undistorted(keypoints, path)
        motion = motion or moving_camera.turning(path.at(track.time_s))
    result = fit.solve(
        time_s=track.time_s,
        keypoints=keypoints,
        points3d=track.points3d,
        face=track.face,
        expression=track.expression,
        fingers=track.fingers,
        camera_K=camera_K,
        options=options,
        motion=motion,
        progress=report,
        check=check,
    )
    return _Solved(track.frame, track.time_s, track.keypoints, result, repair.count)
