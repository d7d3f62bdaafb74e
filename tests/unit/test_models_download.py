# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are downloaded: from a server in this process, with every way it can go wrong."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rotocap.inference import catalogue
from rotocap.inference.catalogue import CatalogueEntry, UnconfirmedModelError
from rotocap.inference.errors import Cancelled, ModelError

NETWORK = bytes(range(256)) * 3000


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".onnx", data)
    return buffer.getvalue()


@dataclass
class Site:
    """files: path -> bytes. lie: bytes that Content-Length promises beyond them."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    lie: int = 0
    requests: int = 0


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            here.requests += 1
            if (data := self.answer()) is not None:
                self.wfile.write(data)

        def answer(self) -> bytes | None:
            data = here.files.get(self.path)
            if data is None:
                self.send_error(404)
                return None
            self.send_response(200)
            self.send_header("Content-Length", str(len(data) + here.lie))
            self.end_headers()
            return data

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


def _entry(site: Site, name: str = "net.onnx", **known: str) -> CatalogueEntry:
    return CatalogueEntry("net", "people", f"{site.address}/{name}", "Apache-2.0", **known)


def test_a_known_file_arrives_with_progress(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    seen: list[tuple[int, int | None]] = []
    path = catalogue.download(
        _entry(site, sha256=_sha256(NETWORK)), tmp_path / "new", progress=lambda *at: seen.append(at)
    )
    assert path == tmp_path / "new" / "net.onnx"
    assert path.read_bytes() == NETWORK
    assert seen[-1] == (len(NETWORK), len(NETWORK))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert {p.name for p in path.parent.iterdir()} == {"net.onnx", "net.onnx.sha256"}


def test_a_size_is_asked_for_without_the_file(site: Site) -> None:
    site.files["/net.onnx"] = NETWORK
    assert catalogue.ask_size(_entry(site)) == len(NETWORK)
    assert site.requests == 0
    with pytest.raises(ModelError, match="cannot be fetched"):
        catalogue.ask_size(_entry(site, "gone.onnx"))


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    entry = _entry(site, sha256=_sha256(NETWORK))
    assert catalogue.download(entry, tmp_path) == catalogue.download(entry, tmp_path)
    assert site.requests == 1


def test_wrong_bytes_are_deleted(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    with pytest.raises(ModelError, match=f"net: http.* has sha256 {_sha256(NETWORK)}, expected {'0' * 64}"):
        catalogue.download(_entry(site, sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_file_waits_for_its_hash_to_be_confirmed(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    with pytest.raises(UnconfirmedModelError, match="confirm this hash") as caught:
        catalogue.download(_entry(site), tmp_path)
    assert caught.value.sha256 == _sha256(NETWORK)
    assert not (tmp_path / "net.onnx").exists()
    path = catalogue.download(_entry(site), tmp_path, expected_sha256=caught.value.sha256)
    assert path.read_bytes() == NETWORK
    assert site.requests == 1


def test_a_zip_gives_its_network(site: Site, tmp_path: Path) -> None:
    site.files["/net.zip"] = _zip(some__folder__end2end=NETWORK, other=b"x")
    path = catalogue.download(_entry(site, "net.zip", onnx_sha256=_sha256(NETWORK)), tmp_path)
    assert path.read_bytes() == NETWORK
    assert {p.name for p in tmp_path.iterdir()} == {"net.onnx", "net.onnx.sha256"}


def test_a_zip_with_another_network_is_refused(site: Site, tmp_path: Path) -> None:
    site.files["/net.zip"] = _zip(end2end=b"another")
    with pytest.raises(ModelError, match=f"network in .* has sha256 {_sha256(b'another')}"):
        catalogue.download(_entry(site, "net.zip", onnx_sha256=_sha256(NETWORK)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_zip_without_a_network_says_so(site: Site, tmp_path: Path) -> None:
    site.files["/net.zip"] = _zip(model=NETWORK)
    with pytest.raises(ModelError, match=r"holds 0 files end2end\.onnx"):
        catalogue.download(_entry(site, "net.zip", sha256=_sha256(site.files["/net.zip"])), tmp_path)


def test_no_zip_at_all_says_so(site: Site, tmp_path: Path) -> None:
    site.files["/net.zip"] = NETWORK
    with pytest.raises(ModelError, match=r"net\.zip: is no zip"):
        catalogue.download(_entry(site, "net.zip", onnx_sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_stopping_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    done: list[int] = []
    with pytest.raises(Cancelled):
        catalogue.download(
            _entry(site, sha256=_sha256(NETWORK)),
            tmp_path,
            progress=lambda at, total: done.append(at),
            cancelled=lambda: bool(done),
        )
    assert 0 < done[-1] < len(NETWORK)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_off_is_told(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    site.lie = 5
    with pytest.raises(ModelError, match=f"ended after {len(NETWORK)} of {len(NETWORK) + 5} bytes"):
        catalogue.download(_entry(site), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_a_file_is_told(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx: cannot be fetched \(.*404.*connection"):
        catalogue.download(_entry(site), tmp_path)


def test_a_file_changed_later_is_refused(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    entry = _entry(site, sha256=_sha256(NETWORK))
    catalogue.download(entry, tmp_path).write_bytes(b"changed")
    with pytest.raises(ModelError, match=r"net\.onnx: changed since"):
        catalogue.download(entry, tmp_path)


def test_a_folder_that_is_a_file_is_told(site: Site, tmp_path: Path) -> None:
    site.files["/net.onnx"] = NETWORK
    (tmp_path / "taken").write_text("")
    with pytest.raises(ModelError, match="taken: cannot be written"):
        catalogue.download(_entry(site, sha256=_sha256(NETWORK)), tmp_path / "taken")


def test_a_hash_with_a_typing_error_is_told(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected 64 digits"):
        catalogue.download(_entry(site), tmp_path, expected_sha256="abc")
    assert site.requests == 0


def test_a_file_on_this_machine_is_checked_and_kept(site: Site, tmp_path: Path) -> None:
    """Without a request: the zip as it lies at the address, and the network out of it."""
    packed = _zip(some__end2end=NETWORK)
    entry = _entry(site, "net.zip", sha256=_sha256(packed), onnx_sha256=_sha256(NETWORK))
    for name, data in (("mine.zip", packed), ("Netz für Hände.onnx", NETWORK)):
        source, folder = tmp_path / name, tmp_path / f"models of {name}"
        source.write_bytes(data)
        assert catalogue.of_file(source, entries=[entry]) == entry
        assert not catalogue.is_here(entry, folder)
        assert catalogue.install(entry, source, folder).read_bytes() == NETWORK
        assert catalogue.is_here(entry, folder)
        assert source.is_file()
        catalogue.remove(entry, folder)
        assert list(folder.iterdir()) == []
    assert site.requests == 0


def test_a_file_on_this_machine_with_other_bytes_is_refused(site: Site, tmp_path: Path) -> None:
    source = tmp_path / "net.onnx"
    source.write_bytes(b"another")
    entry = _entry(site, sha256=_sha256(NETWORK))
    assert catalogue.of_file(source, entries=[entry]) is None
    with pytest.raises(ModelError, match=r"net: .*net\.onnx has sha256 .*, expected"):
        catalogue.install(entry, source, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be copied"):
        catalogue.install(entry, tmp_path / "gone.onnx", tmp_path / "models")


def test_a_file_of_unknown_hash_is_confirmed_for_this_file_only(site: Site, tmp_path: Path) -> None:
    first, second, folder = tmp_path / "1.onnx", tmp_path / "2.onnx", tmp_path / "models"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    for source in (first, second):
        with pytest.raises(UnconfirmedModelError) as caught:
            catalogue.install(_entry(site), source, folder)
        assert caught.value.sha256 == _sha256(source.read_bytes())
    path = catalogue.install(_entry(site), second, folder, expected_sha256=caught.value.sha256)
    assert path.read_bytes() == b"second"


def test_the_catalogue_reads() -> None:
    entries = catalogue.catalogue()
    assert len({entry.file_name for entry in entries}) == len(entries) > 20
    assert all(entry.licence for entry in entries)
    large = catalogue.find("rtmw-l-384")
    assert (large.input, large.accuracy["coco_wholebody_ap"]) == ((288, 384), 0.701)
    with pytest.raises(ModelError, match=r"'nobody': there is none; .*rtmw-l-384"):
        catalogue.find("nobody")


@pytest.mark.parametrize(
    "line",
    ['url = "http://x/n.onnx"', 'url = "https://x/n.onnx"\nsha256 = "12"', "nonsense", 'other = "x"'],
)
def test_a_damaged_catalogue_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(f'[[model]]\nid = "a"\nkind = "b"\nlicence = "c"\n{line}\n')
    with pytest.raises(ModelError, match=r"catalogue\.toml: is damaged"):
        catalogue.catalogue(path)
