# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the video and along the timeline is what the take says, and fast; words if not."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

SEE = SimpleNamespace(fine=True, colour_by="person", doubtful=0.10)


def applied(scene, path):
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    return list(scene.rotocap.performances)


def limb_unsure(module, sequence, *joints, rows, metres=0.3):
    sigma = sequence.sigma.copy()
    for joint in joints:
        sigma[rows, module("inference.skeleton").INDEX[joint]] = metres
    return replace(sequence, sigma=sigma)


def picture(module, scale=0.5):
    return module("addon.overlay.picture").Picture((720, 540), (400.0, 300.0), scale)


def test_the_skeleton_lies_where_the_camera_sees_the_joints(module, known_motion) -> None:
    sequence = known_motion()
    data = module("addon.captured").Captured.of(sequence, (720, 540))
    (drawn,) = module("addon.overlay.viewport").skeleton(
        data, 7, picture(module), colour=(1, 0, 0), see=SEE, pixel=1.0
    )
    rims, bones = drawn.corners.reshape(2, -1, 4, 2)
    heads = bones[:, :2].mean(axis=1)  # two corners at each end
    seen = sequence.joints_camera[7] @ sequence.camera_K.T
    seen = seen[:, :2] / seen[:, 2:]
    parents = module("inference.skeleton").PARENTS
    expected = np.stack([400 + (seen[:, 0] - 359.5) * 0.5, 300 - (seen[:, 1] - 269.5) * 0.5], axis=-1)
    assert np.abs(heads - expected[list(parents[1:])]).max() < 0.01
    assert np.allclose(rims.mean(axis=1), bones.mean(axis=1), atol=0.01)
    assert (np.ptp(rims, axis=1).sum(axis=-1) > np.ptp(bones, axis=1).sum(axis=-1)).all(), "a rim is wider"
    dark, coloured = drawn.colours.reshape(2, -1, 4)
    assert (dark[:, :3] == 0).all() and (coloured[:, :3] == (1, 0, 0)).all()
    assert drawn.triangles.max() == len(drawn.corners) - 1


def test_a_pixel_of_the_video_is_found_back_under_the_mouse(module) -> None:
    shown = picture(module, scale=0.37)
    x, y = shown.to_region(np.array([123.0, 45.0]))
    assert shown.from_region(float(x), float(y)) == pytest.approx((123.0, 45.0), abs=1e-3)


def test_a_label_is_written_where_it_has_room(module) -> None:
    beside = module("addon.overlay.picture").beside
    room = (50.0, 0.0, 700.0, 600.0)  # left of a sidebar and right of the tools
    size, gap = (120.0, 14.0), 10.0
    assert beside((300.0, 300.0), size, room, gap=gap) == (310.0, 310.0)
    assert beside((650.0, 300.0), size, room, gap=gap) == (520.0, 310.0), "left of a point near the sidebar"
    assert beside((300.0, 590.0), size, room, gap=gap) == (310.0, 566.0), "below a point at the top"
    narrow = (50.0, 0.0, 150.0, 600.0)
    assert beside((100.0, 300.0), size, narrow, gap=gap) == (110.0, 310.0), "no room anywhere"


def test_only_points_that_were_seen_are_drawn_and_unsure_ones_are_pale(module, known_motion) -> None:
    keypoints = np.zeros((40, 133, 3))
    keypoints[:, 5] = (100.0, 200.0, 1.0)
    keypoints[:, 100] = (300.0, 200.0, 0.3)
    data = module("addon.captured").Captured.of(replace(known_motion(), keypoints=keypoints), (720, 540))
    viewport = module("addon.overlay.viewport")
    fingers, shoulders = viewport.points(data, 3, picture(module), colour=(0, 1, 0), see=SEE, pixel=1.0)
    # A rim and what it surrounds of each.
    finger, shoulder = fingers.corners.reshape(2, 4, 2)[1], shoulders.corners.reshape(2, 8, 2)[1]
    centres = np.array([shoulder.mean(axis=0), finger.mean(axis=0)])
    expected = [(400 + (x - 359.5) * 0.5, 300 - (200.0 - 269.5) * 0.5) for x in (100.0, 300.0)]
    assert np.allclose(centres, expected, atol=0.01)
    assert np.ptp(shoulder[:, 0]) > np.ptp(finger[:, 0])
    assert np.ptp(shoulders.corners[:8, 0]) > np.ptp(shoulder[:, 0]), "the rim"
    sure, unsure = shoulders.colours[-1], fingers.colours[-1]
    assert sure[3] > unsure[3] and (sure[:3] == (0, 1, 0)).all()
    coarse = SimpleNamespace(fine=False, colour_by="certainty", doubtful=0.1)
    (drawn,) = viewport.points(data, 3, picture(module), colour=(0, 1, 0), see=coarse, pixel=1.0)
    assert len(drawn.corners) == 2 * 8, "without the fingers"
    assert drawn.colours[-1, 1] > drawn.colours[-1, 0], "sure is green"


def test_joints_behind_the_camera_are_not_drawn(module, known_motion) -> None:
    data = module("addon.captured").Captured.of(known_motion(), (720, 540))
    behind = module("inference.skeleton").INDEX["left_wrist"]
    data.joints[4, behind] = np.nan
    (whole,), (part,) = (
        module("addon.overlay.viewport").skeleton(
            data, row, picture(module), colour=(1, 0, 0), see=SEE, pixel=1.0
        )
        for row in (3, 4)
    )
    parents = module("inference.skeleton").PARENTS
    gone = 1 + sum(parent == behind for parent in parents)
    assert len(whole.corners) - len(part.corners) == gone * 4 * 2
    assert np.isfinite(part.corners).all()


def test_a_scene_frame_shows_the_row_of_its_time(module, known_motion) -> None:
    frame = np.array([*range(10), *range(20, 40)])
    data = module("addon.captured").Captured.of(known_motion(frame=frame), (720, 540))
    assert [data.row_at(f, 30.0) for f in (1, 5, 10, 21, 40)] == [0, 4, 9, 10, 29]
    assert [data.row_at(f, 30.0) for f in (0, 12, 19, 42)] == [None] * 4, "out of the picture"
    assert data.row_at(2, 60.0) in (0, 1) and data.row_at(3, 60.0) == 1
    assert data.row_at(5, 24.0) == 5


def columns(drawn, width):
    """Red, green and blue of every pixel column of a strip; NaN where nothing is drawn."""
    out = np.full((width, 3), np.nan)
    for box, colour in zip(drawn.corners.reshape(-1, 4, 2)[1:], drawn.colours[4::4], strict=True):
        out[max(int(box[0, 0]), 0) : int(box[2, 0])] = colour[:3]
    return out


def test_the_strip_is_red_where_in_doubt_and_empty_in_gaps(module, known_motion) -> None:
    frame = np.array([*range(100), *range(150, 200)])
    sequence = limb_unsure(module, known_motion(frame=frame, bend=0.1), "left_knee", "left_ankle", "left_hip",
                           "left_foot", rows=slice(40, 60))  # fmt: skip
    data = module("addon.captured").Captured.of(sequence, (720, 540))
    drawn = module("addon.overlay.strip").strip(
        data, x0=0.0, slope=4.0, width=1000, bottom=10.0, fps=30.0, limit=0.1, colour=np.array([0, 0, 1])
    )
    shown = columns(drawn, 1000)
    red, green = shown[4 * 51], shown[4 * 20]  # the scene begins at 1
    assert red[0] > 0.8 and red[1] < 0.2
    assert green[1] > green[0]
    assert np.isnan(shown[4 * 120]).all() and not np.isnan(shown[4 * 160]).any()
    assert drawn.corners[:, 1].min() >= 10.0
    tab = drawn.colours[0]
    assert tuple(tab[:3]) == (0, 0, 1), "who it is"


def test_one_doubtful_frame_of_ten_thousand_is_seen(module, known_motion) -> None:
    sequence = known_motion(frame=np.arange(10_000), bend=0.1)
    sequence = limb_unsure(module, sequence, "head", "neck", rows=slice(7000, 7001), metres=0.5)
    data = module("addon.captured").Captured.of(sequence, (720, 540))
    drawn = module("addon.overlay.strip").strip(
        data, x0=0.0, slope=0.1, width=1000, bottom=10.0, fps=30.0, limit=0.1, colour=np.array([0, 0, 1])
    )
    assert columns(drawn, 1000)[700][0] > 0.8


def test_the_strip_is_made_once_as_long_as_nothing_changes(scene, module, known_motion, known_take) -> None:
    """Scrubbing draws it anew for every frame: it is on the graphics card then."""
    (entry,) = applied(scene, known_take(known_motion()))
    strip = module("addon.overlay.strip")
    region = SimpleNamespace(
        width=800, height=200, view2d=SimpleNamespace(view_to_region=lambda x, y, clip: (4.0 * x, y))
    )
    drawn = []
    for change in (
        lambda: scene.frame_set(9),
        lambda: setattr(entry, "colour", (0.0, 1.0, 0.0)),
        lambda: setattr(scene.rotocap.see, "doubtful", 0.3),
        lambda: setattr(region, "width", 700),
        lambda: known_motion(frame=np.arange(20)).save(module("addon.performances").file_of(entry)),
    ):
        drawn.append(strip.shapes_of(bpy.context, region))
        assert strip.shapes_of(bpy.context, region) is drawn[-1]
        change()
    drawn.append(strip.shapes_of(bpy.context, region))
    assert drawn[1] is drawn[0], "the playhead changes nothing"
    assert len({id(shapes) for shapes in drawn[1:]}) == len(drawn) - 1, "all else does"
    entry.visible = False
    assert not len(strip.shapes_of(bpy.context, region).triangles)


def test_doubt_of_every_limb_is_a_curve_of_the_armature(scene, module, known_motion, known_take) -> None:
    sequence = limb_unsure(module, known_motion(), "left_shoulder", "left_elbow", "left_wrist",
                           rows=slice(10, 20), metres=0.25)  # fmt: skip
    (entry,) = applied(scene, known_take(sequence))
    data = entry.armature.data
    assert data.animation_data.action is not None, "active, so that the graph editor shows it"
    scene.frame_set(16)
    assert data["doubt left arm (cm)"] == pytest.approx(25.0, abs=0.01)
    assert data["doubt right arm (cm)"] == pytest.approx(1.0, abs=0.01)
    scene.frame_set(30)
    assert data["doubt left arm (cm)"] == pytest.approx(1.0, abs=0.01)
    assert len([a for a in bpy.data.actions if "doubt" in a.name]) == 1


def test_jumping_to_the_worst_frame_of_each_stretch_in_doubt(scene, module, known_motion, known_take) -> None:
    sequence = limb_unsure(module, known_motion(), "head", "neck", rows=slice(8, 13), metres=0.2)
    sequence = limb_unsure(module, sequence, "head", "neck", rows=slice(10, 11), metres=0.4)
    sequence = limb_unsure(module, sequence, "left_hip", "left_knee", "left_ankle", "left_foot",
                           rows=slice(30, 31))  # fmt: skip
    applied(scene, known_take(sequence))
    scene.frame_set(1)
    jumps = []
    for direction in ("next", "next", "previous"):
        assert bpy.ops.rotocap.go_to_doubt(direction=direction) == {"FINISHED"}
        jumps.append(scene.frame_current)
    assert jumps == [11, 31, 11]
    assert bpy.ops.rotocap.go_to_doubt(direction="previous") == {"CANCELLED"}
    assert scene.frame_current == 11
    scene.rotocap.see.doubtful = 0.5
    assert bpy.ops.rotocap.go_to_doubt() == {"CANCELLED"}, "nothing is that doubtful"


def standing(known_motion, *, slides: bool):
    """Somebody who stands for 60 frames and, if they slide, glides 10 cm from frame 30 to 40."""
    sequence = known_motion(frame=np.arange(60), bend=0.0)
    trans = np.zeros((60, 3))
    if slides:
        trans[:, 0] = np.interp(np.arange(60), [30, 40], [0.0, 0.1])
    contact = np.zeros((60, 4))
    contact[5:55, 2] = 1.0  # the right heel
    return replace(sequence, trans=trans, contact=contact)


def test_jumping_to_a_foot_that_slides(scene, known_motion, known_take) -> None:
    applied(scene, known_take(standing(known_motion, slides=True)))
    scene.frame_set(1)
    assert bpy.ops.rotocap.go_to_slide() == {"FINISHED"}
    assert 31 <= scene.frame_current <= 41
    scene.frame_set(60)
    assert bpy.ops.rotocap.go_to_slide(direction="previous") == {"FINISHED"}
    assert 31 <= scene.frame_current <= 41
    scene.rotocap.see.slide = 0.2
    scene.frame_set(1)
    assert bpy.ops.rotocap.go_to_slide() == {"CANCELLED"}
    assert scene.frame_current == 1, "and the playhead stays"


def test_a_slide_that_was_corrected_is_none(scene, known_motion, known_take) -> None:
    (entry,) = applied(scene, known_take(standing(known_motion, slides=True)))
    track = entry.armature.animation_data.nla_tracks[0]
    track.mute = True
    for bone in entry.armature.pose.bones:
        bone.matrix_basis.identity()
    scene.frame_set(1)
    assert bpy.ops.rotocap.go_to_slide() == {"CANCELLED"}, "it is measured on what plays"


def test_only_a_camera_that_shows_the_video_is_drawn_over(scene, module, known_motion, known_take) -> None:
    (entry,) = applied(scene, known_take(known_motion()))
    shows = module("addon.overlay.viewport").shows
    data = module("addon.captured").of(entry)
    assert shows(scene.camera, entry, data)
    other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
    assert not shows(other, entry, data)
    behind = other.data.background_images.new()
    behind.source = "MOVIE_CLIP"
    assert not shows(other, entry, data), "no clip chosen yet"
    behind.clip = bpy.data.movieclips[0]
    assert shows(other, entry, data), "the same video, as behind a camera that the animator solved"


def test_a_take_that_is_gone_draws_nothing_and_says_so(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    (entry,) = applied(scene, path)
    captured = module("addon.captured")
    assert captured.row_of(entry, scene) is not None
    shutil.rmtree(path)
    assert captured.row_of(entry, scene) is None
    assert "is not there any more" in captured.problem(entry)


def test_a_damaged_file_is_said(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    (entry,) = applied(scene, path)
    (path / "person_01.npz").write_bytes(b"PK not really")
    captured = module("addon.captured")
    assert captured.of(entry) is None
    assert "damaged" in captured.problem(entry)


def test_a_file_that_was_written_again_is_read_again(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    (entry,) = applied(scene, path)
    captured = module("addon.captured")
    assert len(captured.of(entry).frame) == 40
    known_motion(frame=np.arange(25)).save(path / "person_01.npz")
    assert len(captured.of(entry).frame) == 25


def test_drawing_a_long_take_costs_under_four_milliseconds(module, known_motion) -> None:
    """What a scrub over 10,000 frames costs of ours, but for the graphics card's part."""
    random = np.random.default_rng(0)
    sequence = known_motion(frame=np.arange(10_000), bend=0.2)
    keypoints = random.uniform(0.0, 500.0, (10_000, 133, 3))
    keypoints[..., 2] = 1.0
    sigma = 0.03 + 0.3 * (random.random((10_000, 55)) > 0.9)
    data = module("addon.captured").Captured.of(
        replace(sequence, keypoints=keypoints, sigma=sigma), (720, 540)
    )
    viewport, strip, shapes = (module(f"addon.overlay.{n}") for n in ("viewport", "strip", "shapes"))
    spent = []
    for frame in range(1, 10_000, 97):
        begun = time.thread_time()
        row = data.row_at(frame, 30.0)
        kwargs = {"colour": (1, 0, 0), "see": SEE, "pixel": 1.0}
        parts = viewport.skeleton(data, row, picture(module), **kwargs)
        parts += viewport.points(data, row, picture(module), **kwargs)
        shapes.together(parts)
        spent.append(1e3 * (time.thread_time() - begun))
    begun = time.thread_time()
    strip.strip(
        data, x0=0.0, slope=0.1, width=1000, bottom=1.0, fps=30.0, limit=0.1, colour=np.array([1, 0, 0])
    )
    strip_ms = 1e3 * (time.thread_time() - begun)
    print(f"overlay p95 {np.percentile(spent, 95):.2f} ms, strip when the view changes {strip_ms:.2f} ms")
    assert np.percentile(spent, 95) < 4.0
    assert strip_ms < 20.0, "only when the timeline is zoomed or moved; kept otherwise"
