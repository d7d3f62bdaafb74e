# SPDX-License-Identifier: GPL-3.0-or-later
"""The video in the sidebar, and how a video gets there from Blender's own menus: drawing only."""

from __future__ import annotations

import bpy

from ..addon import footage, solved_camera
from .sidebar import SidebarPanel, paragraph


class ROTOCAP_PT_video(SidebarPanel, bpy.types.Panel):
    bl_label = "Video"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        row = layout.row(align=True)
        row.operator("rotocap.import_video", icon="FILE_MOVIE")
        if bpy.data.movieclips:
            row.operator("rotocap.use_movie_clip", text="", icon="TRACKER")
        video = footage.video_path(context.scene)
        if video is None:
            return
        layout.prop(settings, "video", text="")
        if footage.is_missing(video):
            box = layout.box().column()
            box.alert = True
            paragraph(box, f"{video.name} is not where it was.", "ERROR")
            box.operator("rotocap.find_video", icon="FILE_FOLDER")
            return
        clip = footage.clip_of(context.scene, video)
        if solved_camera.is_solved(clip):
            layout.prop(settings.footage, "use_solved_camera", icon="CON_CAMERASOLVER")
            if settings.footage.use_solved_camera:
                if solved_camera.follower(context.scene, clip) is not None:
                    layout.prop(settings.footage, "in_tracked_scene")
                column = layout.column(align=True)
                for line in solved_camera.describe(clip):
                    paragraph(column, line, "INFO")


def _import_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator("rotocap.import_video", text="Video to Capture (.mp4, .mov, ...)")


def _clip_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("rotocap.use_movie_clip", text="Capture Motion from This Clip")


def enable() -> None:
    bpy.types.TOPBAR_MT_file_import.append(_import_menu)
    bpy.types.CLIP_MT_clip.append(_clip_menu)


def disable() -> None:
    bpy.types.CLIP_MT_clip.remove(_clip_menu)
    bpy.types.TOPBAR_MT_file_import.remove(_import_menu)
