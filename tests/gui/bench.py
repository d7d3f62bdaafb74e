# SPDX-License-Identifier: GPL-3.0-or-later
"""How the window feels, measured in a real one. Run by tools/gui_chroot.sh --bench.

    ui.first_pose_s   press of Capture to the first posed frame on the armature, cold and warm
    ui.tick_*_ms      what our timer takes of the main thread while a capture runs and the viewport plays
    ui.cancel_s       Esc to a window that is free again
    ui.scrub_ms       what our handlers and drawings take for a frame of a take of 10,000 frames, all
                      of them together: the 95th percentile of the frames, and *_p50_* the median
    ui.nothing_ms     by the same clock, a drawing in the same place that only counts for a millisecond

Where other work shares the processor, the clock says more than we take: *_work_* is the time that
the main thread itself worked, and ui.nothing_ms less its millisecond what the clock adds to anybody.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from installed import PACKAGE, VIDEO, install, module
from window import HERE, OUT, PATIENCE, Steps, in_viewport, picture, press, say, show_tab, wait_for

FRAMES = 10_000
LEAST_PLAYED = 10  # frames of the viewport while a capture runs: it plays, it does not stand still
# What an animator does not feel. Of scrubbing the work counts, since the clock also says what the
# software rasteriser takes, which no graphics card does. Clocks run longer on a busy machine.
LIMITS = {
    "tick_p95_ms": 5.0,
    "tick_max_ms": 20.0,
    "first_pose_warm_s": 4.0,
    "first_pose_cold_s": 8.0,
    "cancel_s": 1.0,
    "scrub_work_ms": 4.0,
    "scrub_p50_ms": 4.0,
}
measured: dict[str, float] = {}
bpy.context.preferences.view.show_splash = False


def percentile(values: list[float], q: float) -> float:
    return float(np.percentile(values, q)) if values else float("nan")


def captures() -> Steps:
    """Two captures: the first one cold and cancelled, the second one warm, to its end, while it plays."""
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video(filepath=str(VIDEO)) == {"FINISHED"}
    capture_session = module("addon.capture_session")
    ticks: list[float] = []
    work: list[float] = []
    plain = capture_session.Session.tick

    def timed(session: object) -> float | None:
        clock, worked = time.perf_counter(), time.thread_time()
        pause = plain(session)
        if not session.over:  # putting the result in is no tick: it is the end
            ticks.append(1e3 * (time.perf_counter() - clock))
            work.append(1e3 * (time.thread_time() - worked))
        return pause

    capture_session.Session.tick = timed
    for name in ("cold", "warm"):
        bpy.context.scene.rotocap.take = str(HERE / f"{name}.take")
        with bpy.context.temp_override(**in_viewport()):
            bpy.ops.rotocap.capture("INVOKE_DEFAULT")
        job = capture_session.current().job
        yield from wait_for(lambda job=job: job.first_pose_s is not None, "a first pose", seconds=60)
        measured[f"first_pose_{name}_s"] = job.first_pose_s
        if name == "cold":
            yield from press("ESC")
            yield from wait_for(lambda job=job: job.cancel_s is not None, "a free window", seconds=30)
            measured["cancel_s"] = job.cancel_s
            yield from wait_for(lambda: capture_session.current().over, "the end", seconds=120)
            continue
        with bpy.context.temp_override(**in_viewport()):
            bpy.ops.screen.animation_play()
        played = set()
        begun = time.monotonic()
        while not capture_session.current().over:
            played.add(bpy.context.scene.frame_current)
            yield 0.05
            assert time.monotonic() - begun < 400 * PATIENCE
        with bpy.context.temp_override(**in_viewport()):
            bpy.ops.screen.animation_cancel(restore_frame=False)
        measured["frames_played"] = float(len(played))
    capture_session.Session.tick = plain
    measured["tick_p95_ms"], measured["tick_max_ms"] = percentile(ticks, 95), max(ticks)
    measured["tick_work_p95_ms"], measured["tick_work_max_ms"] = percentile(work, 95), max(work)
    measured["ticks"] = float(len(ticks))


def long_take() -> Path:
    """A person who moves all joints slowly for 10,000 frames, in a take."""
    kinematics, skeleton = module("inference.kinematics"), module("inference.skeleton")
    sequence, take = module("inference.sequence"), module("inference.take")
    random = np.random.default_rng(1)
    time_s = np.arange(FRAMES) / 30.0
    phase, rate = random.uniform(0, 6.28, (55, 3)), random.uniform(0.2, 2.0, (55, 3))
    poses = 0.15 * np.sin(rate * time_s[:, None, None] + phase)
    trans = np.stack([0.5 * np.sin(0.1 * time_s), np.ones(FRAMES), 0.3 * np.cos(0.1 * time_s)], axis=1)
    rest = skeleton.rest_joints()
    joints, _ = kinematics.forward_poses(poses, trans, rest)
    camera = np.eye(4)
    camera[:3, :3] = np.diag([1.0, -1.0, -1.0])
    camera[:3, 3] = [0.0, 1.2, 4.0]
    seen = (joints - camera[:3, 3]) @ camera[:3, :3]
    picture_K = np.array([[900.0, 0.0, 320.0], [0.0, 900.0, 240.0], [0.0, 0.0, 1.0]])
    points = seen @ picture_K.T
    points = points[..., :2] / points[..., 2:]
    keypoints = np.concatenate(
        [points[:, np.arange(133) % 55], random.uniform(0.2, 1.0, (FRAMES, 133, 1))], axis=2
    )
    someone = sequence.SmplxSequence(
        poses=poses.reshape(FRAMES, 165), trans=trans, betas=np.zeros(10),
        expression=np.zeros((FRAMES, 10)), rest_joints=rest, frame=np.arange(FRAMES), time_s=time_s,
        mocap_frame_rate=30.0, camera_K=picture_K, world_from_camera=camera, joints_camera=seen,
        sigma=0.01 + 0.1 * random.uniform(size=(FRAMES, 55)) ** 4,
        contact=(np.sin(time_s)[:, None] > 0).astype(float) * np.ones((1, 4)),
        keypoints=keypoints, arkit=np.full((FRAMES, 52), np.nan),
    )  # fmt: skip
    path = HERE / "long.take"
    path.mkdir()
    someone.save(path / "person_01.npz")
    person = take.PersonRecord(
        name="Person 1", file="person_01.npz", colour=(0.9, 0.6, 0.1), main=True, frames=FRAMES,
        first_frame=0, last_frame=FRAMES - 1, gaps=(), swaps_repaired=0,
    )  # fmt: skip
    video = take.VideoRecord(
        path=str(VIDEO), name=VIDEO.name, bytes=1, fingerprint="0" * 64, fps=30.0, width=640, height=480,
        frame_count=FRAMES, duration_s=FRAMES / 30, codec="h264", rotation_deg=0,
    )  # fmt: skip
    take.Take(
        path=path, status="complete", video=video, read=take.ReadSettings(), solve=take.SolveSettings(),
        people=(person,),
    ).save()  # fmt: skip
    return path


def watched() -> list[tuple[float, float]]:
    """Put a clock around each of our handlers. Fills the list: milliseconds, and of those work."""
    spent: list[tuple[float, float]] = []

    def around(plain: Callable[..., None]) -> Callable[..., None]:
        def timed(*arguments: object) -> None:
            clock, worked = time.perf_counter(), time.thread_time()
            plain(*arguments)
            spent.append((1e3 * (time.perf_counter() - clock), 1e3 * (time.thread_time() - worked)))

        return timed

    for name in ("frame_change_pre", "frame_change_post", "depsgraph_update_pre", "depsgraph_update_post"):
        handlers = getattr(bpy.app.handlers, name)
        for number, handler in enumerate(handlers):
            if handler.__module__.startswith(PACKAGE):
                handlers[number] = around(handler)
    return spent


_NOTHING_MS = 1.0


def least_drawing() -> tuple[list[float], list[float]]:
    """Wherever we draw: one triangle, made once, which is what graphics cost at least, and counting.

    Fills two lists: milliseconds of work for the triangle, and by the clock for _NOTHING_MS of counting.
    """
    import gpu
    from gpu_extras.batch import batch_for_shader

    graphics: list[float] = []
    counting: list[float] = []
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    corner = np.array([(0.0, 0.0), (5.0, 0.0), (0.0, 5.0)], np.float32)
    batch = batch_for_shader(shader, "TRIS", {"pos": corner, "color": np.ones((3, 4), np.float32)})

    def draw() -> None:
        worked = time.thread_time()
        gpu.state.blend_set("ALPHA")
        batch.draw(shader)
        gpu.state.blend_set("NONE")
        graphics.append(1e3 * (time.thread_time() - worked))

    def count() -> None:
        clock, worked = time.perf_counter(), time.thread_time()
        while time.thread_time() - worked < 1e-3 * _NOTHING_MS:
            pass
        counting.append(1e3 * (time.perf_counter() - clock))

    for space in (bpy.types.SpaceView3D, bpy.types.SpaceDopeSheetEditor):
        space.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")
    bpy.types.SpaceView3D.draw_handler_add(count, (), "WINDOW", "POST_PIXEL")
    return graphics, counting


def scrubbing() -> Steps:
    """Jump about in a take of 10,000 frames, with body, overlay and doubt strip shown."""
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    scene = bpy.context.scene
    scene.rotocap.take = str(long_take())
    begun = time.perf_counter()
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
        measured["apply_10000_s"] = time.perf_counter() - begun
        bpy.ops.screen.animation_cancel()
    scene.frame_start, scene.frame_end = 1, FRAMES
    yield 1.0
    overlay = module("addon.overlay")
    spent, (triangle, counting) = watched(), least_drawing()
    frames = np.random.default_rng(2).integers(1, FRAMES, 100)
    scene.frame_set(int(frames[0]))
    yield 1.0
    rows = []  # of each frame: clock, work, graphics, handlers, viewport, timeline, one triangle, nothing
    drawings = 0
    for frame in frames:
        overlay.spent(), spent.clear(), triangle.clear(), counting.clear()
        scene.frame_set(int(frame))
        yield 0.05 * PATIENCE
        drawn = overlay.spent()
        drawings += len(drawn)
        clock, work = (sum(part) for part in zip(*spent, strict=True)) if spent else (0.0, 0.0)
        where = [
            sum(cost.work_ms for cost in drawn if cost.where == name) for name in ("viewport", "timeline")
        ]
        rows.append(
            (
                clock + sum(cost.clock_ms for cost in drawn), work + sum(where),
                sum(cost.graphics_ms for cost in drawn), work, *where, sum(triangle), sum(counting),
            )
        )  # fmt: skip
    names = (
        "scrub",
        "scrub_work",
        "scrub_graphics",
        "scrub_handlers",
        "scrub_viewport",
        "scrub_timeline",
        "triangle",
        "nothing",
    )
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        measured[f"{name}_ms"], measured[f"{name}_p50_ms"] = percentile(column, 95), percentile(column, 50)
    measured["scrub_draws"] = float(drawings)
    assert drawings >= 2 * len(frames), (
        f"{drawings} drawings: viewport and timeline are drawn for every frame"
    )
    picture("40_scrub_10000.png")


def beyond() -> list[str]:
    """What took longer than it may, in words; a measurement that is not a number is too long, too."""
    out = [
        f"{name}: {measured[name]:.2f}, expected at most {limit:g} (x {PATIENCE:.1f}, a busy machine)"
        for name, limit in LIMITS.items()
        if name in measured and not measured[name] <= limit * PATIENCE
    ]
    if measured.get("frames_played", LEAST_PLAYED) < LEAST_PLAYED:
        out.append(f"frames_played: {measured['frames_played']:.0f}, expected at least {LEAST_PLAYED}")
    return out


PARTS = {"captures": captures, "scrubbing": scrubbing}
chosen = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def all_of_it() -> Steps:
    yield from install()
    for name in chosen or PARTS:
        yield from PARTS[name]()


steps = all_of_it()


def drive() -> float | None:
    status = 0
    try:
        return next(steps)
    except StopIteration:
        told = {
            **{f"ui.{name}": round(value, 3) for name, value in measured.items()},
            "blender": bpy.app.version_string,
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "rasteriser_threads": os.environ["LP_NUM_THREADS"],
            "slowed_down_by": round(PATIENCE, 2),
        }
        (OUT / "bench_gui.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        for name, value in told.items():
            say(f"{name}: {value}")
        faults = beyond()
        if faults:
            status = 3
            (OUT / "failed.txt").write_text("\n".join(faults) + "\n", encoding="utf-8")
    except BaseException:
        traceback.print_exc()
        print(measured)
        (OUT / "failed.txt").write_text("the measuring itself\n", encoding="utf-8")
        picture("failed_bench.png")
        status = 3
    sys.stdout.flush()
    if status:
        bpy.app.timers.register(lambda: sys.exit(status))
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(drive, first_interval=1.5, persistent=True)
