# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks to download: which there are, and how one arrives on the disk.

Nothing is used before its bytes were compared with a known SHA-256. Where the catalogue knows
none, the first download ends in `UnconfirmedModelError`, which carries the one that was found; the
caller shows it, and calls again with it once the user has agreed.
"""

from __future__ import annotations

import re
import shutil
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import Cancelled, ModelError
from .models import sha256_file

CATALOGUE = Path(__file__).parent / "data" / "catalogue.toml"
_BLOCK = 1 << 18
_TIMEOUT_S = 30.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnconfirmedModelError(ModelError):
    """A file arrived, but nobody has said yet what its hash should be."""

    code = "unconfirmed_model"

    def __init__(self, message: str, sha256: str) -> None:
        super().__init__(message)
        self.sha256 = sha256


@dataclass(frozen=True)
class CatalogueEntry:
    """One network.

    id: the name to ask for it by. kind: what it finds. url: its address (https).
    sha256: of the file at that address; onnx_sha256: of the network inside, if that is a zip;
    bytes: the size of the file at the address; None where nobody knows.
    input: width and height of its picture in pixels. accuracy: by data set or part.
    """

    id: str
    kind: str
    url: str
    licence: str
    sha256: str | None = None
    onnx_sha256: str | None = None
    bytes: int | None = None
    input: tuple[int, int] | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def file_name(self) -> str:
        """What the network is called on the disk."""
        return f"{self.id}{'.onnx' if self.is_zip else Path(self.url).suffix}"

    @property
    def is_zip(self) -> bool:
        return self.url.endswith(".zip")


def catalogue(path: Path = CATALOGUE) -> list[CatalogueEntry]:
    """All entries, in the file's order. Raises ModelError if the file is missing or damaged."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["model"]
        entries = [_entry(table) for table in tables]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Install Rotocap again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is damaged ({error}). Install Rotocap again.") from error
    if len({entry.id for entry in entries}) != len(entries):
        raise ModelError(f"{path}: two networks have the same id. Install Rotocap again.")
    return entries


def _entry(table: dict[str, Any]) -> CatalogueEntry:
    if isinstance(size := table.get("input"), list):
        table["input"] = tuple(size)
    entry = CatalogueEntry(**table)
    if not entry.url.startswith("https://"):
        raise ValueError(f"{entry.id}: url {entry.url!r} is not https")
    for value in (entry.sha256, entry.onnx_sha256):
        if value is not None and not _SHA256.fullmatch(value):
            raise ValueError(f"{entry.id}: {value!r} is no SHA-256")
    return entry


def find(name: str, *, entries: list[CatalogueEntry] | None = None) -> CatalogueEntry:
    """The entry with this id. Raises ModelError that lists the ids if there is none."""
    entries = catalogue() if entries is None else entries
    for entry in entries:
        if entry.id == name:
            return entry
    raise ModelError(f"network {name!r}: there is none; there are {', '.join(e.id for e in entries)}.")


def of_file(path: Path, *, entries: list[CatalogueEntry] | None = None) -> CatalogueEntry | None:
    """The entry whose known hash is that of the file at `path`, None if there is none.

    Raises ModelError if the file cannot be read.
    """
    try:
        found = sha256_file(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Choose another file.") from error
    entries = catalogue() if entries is None else entries
    return next((entry for entry in entries if found in (entry.sha256, entry.onnx_sha256)), None)


def is_here(entry: CatalogueEntry, folder: Path) -> bool:
    """Whether the network was put into `folder` by `download` or `install`."""
    return (folder / entry.file_name).is_file() and _receipt(entry, folder).is_file()


def remove(entry: CatalogueEntry, folder: Path) -> None:
    """Delete the network, and what an unfinished download left of it. ModelError if it cannot be deleted."""
    waiting = folder / f"{entry.id}.download"
    try:
        for path in (_receipt(entry, folder), folder / entry.file_name, waiting):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be changed ({error.strerror}). Delete the file by hand."
        ) from error


def install(entry: CatalogueEntry, source: Path, folder: Path, *, expected_sha256: str | None = None) -> Path:
    """Puts a network from a file on this machine into `folder`, as `download` does with one from the net.

    source: the file as it lies at the entry's address, or the network out of its zip.
    Raises as `download` does.
    """
    if entry.is_zip and source.suffix == ".onnx":  # unpacked already: its hash is that of the network
        entry = replace(entry, url=source.as_uri(), sha256=entry.onnx_sha256, onnx_sha256=None)

    def copy(to: Path) -> None:
        try:
            shutil.copyfile(source, to)
        except OSError as error:
            to.unlink(missing_ok=True)
            raise ModelError(
                f"{source}: cannot be copied ({error.strerror}). Choose another file."
            ) from error

    (folder / f"{entry.id}.download").unlink(missing_ok=True)  # of another file, that nobody confirmed
    return _arrive(entry, folder, expected_sha256, copy, str(source))


def download(
    entry: CatalogueEntry,
    folder: Path,
    *,
    expected_sha256: str | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Fetches a network into `folder` and gives its path; what is there already is kept.

    expected_sha256: of the file at the entry's address, as confirmed by the user, for an entry
    without one. progress: bytes done, and of how many if the server says.
    Raises UnconfirmedModelError (the file waits beside its final name, and a second call with its
    hash does not fetch it again), ModelError (no connection, wrong bytes: the file is removed),
    Cancelled.
    """
    return _arrive(
        entry, folder, expected_sha256, lambda to: _fetch(entry, to, progress, cancelled), entry.url
    )


def ask_size(entry: CatalogueEntry) -> int | None:
    """Bytes of the file at the entry's address, as its server says without sending it; None if it does not.

    Raises ModelError (no connection, no such file).
    """
    try:
        request = urllib.request.Request(entry.url, method="HEAD")
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            length = response.headers.get("Content-Length")
    except (OSError, ValueError) as error:
        raise _no_connection(entry, error) from error
    return int(length) if length else None


def _receipt(entry: CatalogueEntry, folder: Path) -> Path:
    """Written beside the network once it was verified, so that the next call can tell."""
    return folder / f"{entry.file_name}.sha256"


def _arrive(
    entry: CatalogueEntry,
    folder: Path,
    expected_sha256: str | None,
    fetch: Callable[[Path], None],
    origin: str,
) -> Path:
    """`fetch` brings the file from `origin`; then it is verified, unpacked and put in its place."""
    known = expected_sha256 or entry.sha256
    if known is not None and not _SHA256.fullmatch(known):
        raise ModelError(f"sha256 {known!r}: expected 64 digits from 0 to f.")
    target, fetched = folder / entry.file_name, folder / f"{entry.id}.download"
    receipt = _receipt(entry, folder)
    if target.is_file() and receipt.is_file():
        if receipt.read_text(encoding="ascii").strip() == sha256_file(target):
            return target
        raise ModelError(f"{target}: changed since it was downloaded. Delete it and download it again.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not fetched.is_file():
            fetch(fetched)
        _verify(entry, fetched, known, origin)
        part = target.with_name(f"{target.name}.part")
        if entry.is_zip:
            _unpack(entry, fetched, part)
            fetched.unlink()
        else:
            fetched.replace(part)
        receipt.write_text(sha256_file(part) + "\n", encoding="ascii")
        part.replace(target)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be written ({error.strerror or error}). Choose another folder."
        ) from error
    return target


def _fetch(
    entry: CatalogueEntry,
    to: Path,
    progress: Callable[[int, int | None], None],
    cancelled: Callable[[], bool],
) -> None:
    part = to.with_name(f"{to.name}.part")
    try:
        try:
            response = urllib.request.urlopen(entry.url, timeout=_TIMEOUT_S)
        except (OSError, ValueError) as error:
            raise _no_connection(entry, error) from error
        with response, part.open("wb") as file:
            length = response.headers.get("Content-Length")
            total = int(length) if length else entry.bytes
            done = 0
            while True:
                if cancelled():
                    raise Cancelled(f"{entry.id}: download stopped")
                try:
                    block = response.read(_BLOCK)
                except OSError as error:
                    raise _no_connection(entry, error) from error
                if not block:
                    break
                file.write(block)
                done += len(block)
                progress(done, total)
        if length and done != int(length):
            raise ModelError(f"{entry.url}: ended after {done} of {length} bytes. Try again.")
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _no_connection(entry: CatalogueEntry, error: Exception) -> ModelError:
    why = error.reason if type(error) is urllib.error.URLError else error  # only a wrapper
    return ModelError(f"{entry.url}: cannot be fetched ({why}). Check the connection and try again.")


def _verify(entry: CatalogueEntry, fetched: Path, known: str | None, origin: str) -> None:
    found = sha256_file(fetched)
    if known is None and entry.onnx_sha256 is None:
        raise UnconfirmedModelError(
            f"{entry.id}: no hash is known for {origin}. The file that came has sha256 {found}. "
            "If you trust where it comes from, confirm this hash.",
            found,
        )
    if known is not None and found != known:
        fetched.unlink()
        raise ModelError(
            f"{entry.id}: {origin} has sha256 {found}, expected {known}. It is not used. "
            "Try again; if it stays, the file there was changed."
        )


def _unpack(entry: CatalogueEntry, fetched: Path, part: Path) -> None:
    """The one network in a zip: the folder names in front of it vary."""
    try:
        with zipfile.ZipFile(fetched) as archive:
            members = [m for m in archive.infolist() if Path(m.filename).name == "end2end.onnx"]
            if len(members) != 1:
                raise ModelError(f"{entry.url}: holds {len(members)} files end2end.onnx, expected one.")
            with archive.open(members[0]) as source, part.open("wb") as file:
                shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        fetched.unlink()
        raise ModelError(f"{entry.url}: is no zip ({error}). It was deleted. Try again.") from error
    found = sha256_file(part)
    if entry.onnx_sha256 is not None and found != entry.onnx_sha256:
        part.unlink()
        fetched.unlink()
        raise ModelError(
            f"{entry.id}: the network in {entry.url} has sha256 {found}, expected {entry.onnx_sha256}. "
            "It was deleted. Try again; if it stays, the file at that address was changed."
        )
