# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: where takes go, networks that arrive and are checked, and what the networks run on."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bpy
import pytest

PACKAGE = "bl_ext.user_default.rotocap"
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"
NETWORK = bytes(range(256)) * 8000
SLOW = "/slow.onnx"  # the address of the same that comes in drops


@pytest.fixture
def ours(extension: None) -> Iterator[bpy.types.AddonPreferences]:
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    yield preferences
    preferences.takes, preferences.takes_folder, preferences.threads = "beside", "", 0


@pytest.fixture
def address() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(NETWORK)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            if self.path != SLOW:
                self.wfile.write(NETWORK)
                return
            with contextlib.suppress(OSError):  # whoever asked has gone
                for start in range(0, len(NETWORK), 4096):
                    self.wfile.write(NETWORK[start : start + 4096])
                    time.sleep(0.02)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/net.onnx"
    server.shutdown()
    server.server_close()
    thread.join()


def test_takes_go_beside_the_video_or_into_the_folder(scene, ours, tmp_path) -> None:
    assert bpy.ops.rotocap.import_video(filepath=str(SAMPLE)) == {"FINISHED"}
    assert Path(scene.rotocap.take) == SAMPLE.with_suffix(".take")
    ours.takes = "folder"  # without a folder nothing changes
    bpy.ops.rotocap.import_video(filepath=str(SAMPLE))
    assert Path(scene.rotocap.take) == SAMPLE.with_suffix(".take")
    ours.takes_folder = str(tmp_path / "Alle Takes")
    scene.rotocap.video = ""  # the same video once more would keep its take
    bpy.ops.rotocap.import_video(filepath=str(SAMPLE))
    assert Path(scene.rotocap.take) == tmp_path / "Alle Takes" / "sample.take"


def test_a_network_arrives_without_blender_waiting(module, ours, address, tmp_path) -> None:
    models, catalogue = module("addon.models"), module("inference.catalogue")
    sha256 = hashlib.sha256(NETWORK).hexdigest()
    entry = catalogue.CatalogueEntry("net", "people", address, "Apache-2.0", sha256=sha256)
    job = models.Download(entry, tmp_path)
    job.wait(20)
    assert not job.running and not job.failed, job.message
    assert job.fraction == 1.0
    assert catalogue.is_here(entry, tmp_path)
    assert (tmp_path / "net.onnx").read_bytes() == NETWORK


def test_other_bytes_and_unknown_ones_are_told(module, ours, address, tmp_path) -> None:
    models, catalogue = module("addon.models"), module("inference.catalogue")
    wrong = catalogue.CatalogueEntry("net", "people", address, "Apache-2.0", sha256="0" * 64)
    job = models.Download(wrong, tmp_path)
    job.wait(20)
    assert job.failed and "expected" in job.message
    assert list(tmp_path.iterdir()) == []
    unknown = catalogue.CatalogueEntry("net", "people", address, "Apache-2.0")
    job = models.Download(unknown, tmp_path)
    job.wait(20)
    assert not job.failed and job.unconfirmed == hashlib.sha256(NETWORK).hexdigest()
    assert not catalogue.is_here(unknown, tmp_path)
    job = models.Download(unknown, tmp_path, job.unconfirmed)
    job.wait(20)
    assert catalogue.is_here(unknown, tmp_path), job.message


def test_a_download_that_is_stopped_leaves_nothing(module, ours, address, tmp_path) -> None:
    models, catalogue = module("addon.models"), module("inference.catalogue")
    slow = address.replace("/net.onnx", SLOW)
    job = models.Download(catalogue.CatalogueEntry("net", "people", slow, "Apache-2.0"), tmp_path)
    until = time.monotonic() + 20.0
    while not any(tmp_path.iterdir()):
        assert job.running and time.monotonic() < until, job.message
        time.sleep(0.01)
    job.cancel()
    assert job.text() == "net: stopping"
    job.wait(30)
    assert not job.running and not job.failed and "Nothing was kept" in job.message, job.message
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_nobody_published_are_asked_for_once(module, ours, address, tmp_path) -> None:
    sizes, catalogue = module("addon.model_sizes"), module("inference.catalogue")
    there = catalogue.CatalogueEntry("net", "people", address, "Apache-2.0")
    nowhere = catalogue.CatalogueEntry("gone", "people", "http://127.0.0.1:1/gone.onnx", "Apache-2.0")
    question = sizes.Question([nowhere, there], tmp_path)
    question.wait(20)
    assert not question.running and "gone.onnx: cannot be fetched" in question.message, question.message
    assert sizes.read(tmp_path) == {address: len(NETWORK)}
    (tmp_path / "sizes.json").write_text("[", encoding="utf-8")
    sizes.read.cache_clear()
    assert sizes.read(tmp_path) == {}, "a damaged file is no reason to stop: they are asked for again"


def test_nothing_is_downloaded_while_blender_is_offline(ours) -> None:
    system = bpy.context.preferences.system
    before = system.use_online_access
    system.use_online_access = False
    try:
        if bpy.app.online_access:
            pytest.skip("this Blender was started with --online-mode")
        assert not bpy.ops.rotocap.download_model.poll()
        assert not bpy.ops.rotocap.ask_model_sizes.poll()
    finally:
        system.use_online_access = before


def test_a_file_that_no_network_has_is_refused_in_words(ours, tmp_path) -> None:
    file = tmp_path / "Meins.onnx"
    file.write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="no network of the catalogue has these bytes"):
        bpy.ops.rotocap.install_model_file(filepath=str(file))
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.rotocap.install_model_file(filepath=str(tmp_path / "gone.onnx"))
    with pytest.raises(RuntimeError, match="sha256"):  # it is told, for the animator to compare
        bpy.ops.rotocap.install_model_file(filepath=str(file), model="rtmw-m")


def test_a_file_with_a_confirmed_hash_is_taken_over_and_removed(module, ours, tmp_path) -> None:
    models, catalogue = module("addon.models"), module("inference.catalogue")
    file = tmp_path / "Meins.onnx"
    file.write_bytes(b"a network")
    sha256 = hashlib.sha256(b"a network").hexdigest()
    entry = catalogue.find("rtmw-m")
    done = bpy.ops.rotocap.install_model_file(filepath=str(file), model="rtmw-m", sha256=sha256)
    assert done == {"FINISHED"}
    assert catalogue.is_here(entry, models.folder())
    assert bpy.ops.rotocap.remove_model(model="rtmw-m") == {"FINISHED"}
    assert not catalogue.is_here(entry, models.folder())


def test_what_the_networks_run_on_is_said(module, ours) -> None:
    check = module("addon.device_check")
    ours.threads = 1
    assert bpy.ops.rotocap.check_device() == {"FINISHED"}
    assert check.answer().startswith("Used: CPU, 1 thread, ONNX Runtime "), check.answer()
    assert " ms a person and frame" in check.answer()
    shown: list[str] = []
    module("addon.preferences")._draw_device(Written(shown), ours)
    assert shown[:2] == ["Runs on", "Processor"] and "Used: CPU, 1 thread" in " ".join(shown)


def test_a_face_landmarker_of_ones_own_is_in_use(scene, module, ours) -> None:
    models = module("addon.models")
    assert models.face_landmarker() is None
    bpy.ops.rotocap.import_video(filepath=str(SAMPLE))
    files = [models.folder(create=True) / name for name in module("inference.models").FACE_LANDMARKER]
    try:
        for file in files:
            file.write_bytes(b"a network")
        assert models.face_landmarker() == models.folder()
        wanted = module("addon.capture_request").request(bpy.context)
        assert wanted.face_landmarker == models.folder(), "and a capture takes it"
        shown: list[str] = []
        module("addon.model_list").draw_models(Written(shown), "embedded")
        assert any("face_blendshapes.onnx" in text for text in shown) and "In use" in " ".join(shown)
    finally:
        for file in files:
            file.unlink(missing_ok=True)


class Written:
    """A layout that keeps what is written into it, since there is no window to look at."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> Callable[..., Written]:
        return lambda *arguments, **values: self._part(values)

    def _part(self, values: dict[str, object]) -> Written:
        self._texts.extend(str(values[key]) for key in ("text",) if key in values)
        return Written(self._texts)


def test_every_built_in_network_is_listed_with_what_it_finds(module, ours) -> None:
    models = module("addon.models")
    assert len(models.embedded()) >= 7
    assert all(model.there and model.purpose != model.name for model in models.embedded())


def test_the_help_pages_came_along(module, extension) -> None:
    pages = module("addon.help")
    names = [name for name, _ in pages.pages()]
    assert {"quick-start", "retarget", "preferences", "troubleshooting"} <= set(names)
    for name in names:
        assert "<h1" in pages.file_of(name).read_text("utf-8")
