# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on disk: the folder NAME.take/ with take.toml, chunks of landmarks and one file per person.

    NAME.take/
        take.toml            what was captured, from what, how, and how far it got
        chunks/00000.npz     landmarks of everybody, a few hundred frames each, and the tracker's state
        person_01.npz        an SmplxSequence; 01 is the main person
        editions/0001.toml   who was in it before and after changes by hand, see take_people
        camera.npz           the camera's path where it is known, see camera_path
        capture.lock         empty; held by the process that writes the take, see take_lock

Every file is written under another name and renamed, so it is there whole or not at
all. A capture that is interrupted loses the chunk it was at; the next one goes on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from .camera_path import FILE as CAMERA_FILE
from .errors import TakeError, VideoError
from .sequence import SmplxSequence
from .take_lock import LOCK

if TYPE_CHECKING:  # video brings OpenCV, which Blender's own process does not load
    from .video import VideoInfo

FORMAT = 1
RECORD = "take.toml"
_SAMPLED = 1 << 20  # bytes of each end of the video that go into its fingerprint


@dataclass(frozen=True, kw_only=True)
class VideoRecord:
    """The video as it was when the capture began."""

    path: str  # as given, made absolute
    name: str
    bytes: int
    fingerprint: str  # SHA-256 of the size and the first and last megabyte: quick on long files
    fps: float
    width: int  # upright
    height: int
    frame_count: int  # an estimate, see VideoInfo
    duration_s: float
    codec: str
    rotation_deg: int

    @classmethod
    def of(cls, info: VideoInfo) -> VideoRecord:
        path = info.path.resolve()
        return cls(
            path=str(path),
            name=path.name,
            bytes=path.stat().st_size,
            fingerprint=fingerprint(path),
            fps=info.fps,
            width=info.width,
            height=info.height,
            frame_count=info.frame_count,
            duration_s=info.duration_s,
            codec=info.codec,
            rotation_deg=info.rotation_deg,
        )


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """What the landmarks depend on: a take cannot go on with others."""

    start_frame: int = 0
    end_frame: int | None = None  # the first frame not read; None: to the end
    stride: int = 1
    hands: bool = True  # whether hands are read,
    face: bool = True  # and the face
    backend: str = ""
    models: Mapping[str, str] = field(default_factory=dict)  # name: SHA-256


@dataclass(frozen=True, kw_only=True)
class SolveSettings:
    """What is made of the landmarks: can be changed without reading the video again."""

    people: str = "all"  # or main, or picked
    pick: tuple[int, float, float] | None = None  # who was picked: a frame, and x, y in it in pixels
    focal_px: float | None = None
    fov_deg: float | None = None
    height_m: float | None = None  # of the main person
    moving_camera: bool = False  # whether its path was known, see `camera_path`


@dataclass(frozen=True, kw_only=True)
class PersonRecord:
    name: str
    file: str  # in the take's folder
    colour: tuple[float, float, float]  # RGB, 0 to 1, to tell people apart on screen
    main: bool
    frames: int
    first_frame: int
    last_frame: int
    gaps: tuple[tuple[int, int], ...]  # first and last frame that the person is not in
    swaps_repaired: int  # frames in which left and right had been exchanged

    @property
    def number(self) -> int:
        """The number in the file's name, person_NN.npz; 0 for a name of another kind."""
        return self.number_of(self.file)

    @staticmethod
    def number_of(file: str) -> int:
        """NN of person_NN.npz; 0 for a name of another kind."""
        digits = file.removeprefix("person_").removesuffix(".npz")
        return int(digits) if digits.isdigit() else 0


@dataclass(frozen=True, kw_only=True)
class Take:
    """What take.toml says. Values never change; `save` puts another Take in its place."""

    path: Path
    status: str  # incomplete: there is more to read or to solve; complete; no_person
    video: VideoRecord
    read: ReadSettings
    solve: SolveSettings
    frames_read: int = 0
    next_frame: int = 0  # where reading goes on
    read_to_end: bool = False
    truncated_at_s: float | None = None  # where a damaged video ended
    people: tuple[PersonRecord, ...] = ()
    edition: int = 0  # how often who is in it was changed by hand, see take_people
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""  # ISO 8601, UTC

    @classmethod
    def open(cls, path: Path | str) -> Take:
        """Read a take's record. TakeError if the folder is no take, damaged, or of another version."""
        path = Path(path)
        record = path / RECORD
        if not path.exists():
            raise TakeError(f"{path}: no such take; check the path, or capture a video into it")
        if not record.is_file():
            raise TakeError(f"{path}: not a take (it has no {RECORD}); choose a folder that a capture wrote")
        try:
            data = tomllib.loads(record.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise _damaged(record, str(error)) from error
        except OSError as error:
            raise TakeError(f"{record}: could not be read ({error.strerror})") from error
        if data.get("format") != FORMAT:
            raise TakeError(
                f"{record}: format {data.get('format')!r}, expected {FORMAT}; "
                "capture the video again with this version"
            )
        try:
            return cls(path=path, **_parse(data))
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(record, f"{type(error).__name__}: {error}") from error

    def save(self) -> None:
        """Write take.toml, making the folder if need be. TakeError if the disk refuses."""
        data = asdict(self)
        data.pop("path")
        text = tomli_w.dumps({"format": FORMAT, **_without_none(data)})
        record = self.path / RECORD
        part = record.with_name(RECORD + ".part")
        try:
            (self.path / "chunks").mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(record)
        except OSError as error:
            raise unwritable(record, error) from error

    def sequence(self, person: PersonRecord) -> SmplxSequence:
        """The person's motion. TakeError if the file is missing or damaged."""
        return SmplxSequence.load(self.path / person.file)

    def video_file(self) -> Path:
        """Where the video is now: where it was, or beside the take. VideoError if neither."""
        for candidate in (Path(self.video.path), self.path.parent / self.video.name):
            if candidate.is_file():
                return candidate
        raise VideoError(
            f"{self.video.path}: the video of {self.path.name} is gone; "
            f"put {self.video.name} back, or beside the take"
        )

    def mismatch(self, video: VideoRecord, read: ReadSettings) -> list[str]:
        """What keeps this take from going on with a video and settings, in words."""
        out = []
        if (self.video.bytes, self.video.fingerprint) != (video.bytes, video.fingerprint):
            out.append(f"the video was {self.video.name}, now it is {video.name} with other contents")
        mine, theirs = asdict(self.read), asdict(read)
        for name, value in theirs.items():
            if mine[name] != value:
                # The only one that may be None is the end of the range.
                words = {None: "the end", True: "on", False: "off"}
                was, now = (words[v] if v is None or isinstance(v, bool) else v for v in (mine[name], value))
                said = "other model files" if name == "models" else f"{was}, now {now}"
                out.append(f"{name.replace('_', ' ')}: {said}")
        return out


def fingerprint(path: Path) -> str:
    """SHA-256 of the file's size and its first and last megabyte."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLED))
        file.seek(max(size - _SAMPLED, 0))
        digest.update(file.read(_SAMPLED))
    return digest.hexdigest()


def refuse_foreign(path: Path) -> None:
    """TakeError if something else than a take is there: a file, or a folder with other things."""
    if not path.exists():
        return
    if not path.is_dir():
        raise TakeError(f"{path}: is a file; choose another name for the take")
    others = any(file.name != LOCK for file in path.iterdir())
    if others and not (path / RECORD).exists() and not (path / "chunks").is_dir():
        raise TakeError(f"{path}: is a folder with other things in it; choose another name for the take")


def clear(path: Path) -> None:
    """Remove a take's own files, and nothing else that somebody put in its folder."""
    refuse_foreign(path)
    try:
        (path / RECORD).unlink(missing_ok=True)
        (path / CAMERA_FILE).unlink(missing_ok=True)
        for file in path.glob("person_*.npz*"):
            file.unlink()
        for folder in ("chunks", "editions"):
            if (path / folder).is_dir():
                shutil.rmtree(path / folder)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> TakeError:
    return TakeError(
        f"{path}: could not be written ({error.strerror or error}); "
        "free some space or choose another folder. What was captured so far is kept"
    )


def reopened(take: Take, **changes: Any) -> Take:
    """The take with changes, saved."""
    new = replace(take, **changes)
    new.save()
    return new


def _damaged(path: Path, why: str) -> TakeError:
    return TakeError(f"{path}: damaged ({why}); delete the take and capture the video again")


def _parse(data: dict[str, Any]) -> dict[str, Any]:
    people = tuple(
        PersonRecord(
            **{
                **entry,
                "colour": tuple(float(value) for value in entry["colour"]),
                "gaps": tuple((int(a), int(b)) for a, b in entry["gaps"]),
            }
        )
        for entry in data.get("people", [])
    )
    status = data["status"]
    if status not in ("incomplete", "complete", "no_person"):
        raise ValueError(f"status {status!r}")
    out = {name: value for name, value in data.items() if name != "format"}
    return {
        **out,
        "video": VideoRecord(**data["video"]),
        "read": ReadSettings(**data["read"]),
        "solve": _solve_settings(data["solve"]),
        "people": people,
        "warnings": tuple(str(text) for text in data.get("warnings", ())),
    }


def _solve_settings(data: dict[str, Any]) -> SolveSettings:
    pick = data.get("pick")
    if pick is not None:  # TOML knows lists only
        frame, x, y = pick
        data = {**data, "pick": (int(frame), float(x), float(y))}
    return SolveSettings(**data)


def _without_none(value: Any) -> Any:
    """TOML has no null: what is None is left out, and reads back as the default."""
    if isinstance(value, Mapping):
        return {str(k): _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
