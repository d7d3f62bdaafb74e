# SPDX-License-Identifier: GPL-3.0-or-later
"""The network files that come with Rotocap, and how they are run.

    session = models.session(models.embedded("pose_landmark"), threads=2)
    landmarks, presence = session.run(["landmarks", "presence"], {"image": picture})

Each (but `pose_mask`) takes `image` (N, 3, S, S) float32, RGB, any N, and gives float32 outputs:

name            S    values    outputs
pose_detection  224  -1 to 1   boxes (N, 2254, 12), scores (N, 2254, 1) logits
pose_landmark   256  0 to 1    landmarks (N, 195), presence (N, 1) 0 to 1, heatmap (N, 39, 64, 64) logits,
                               world (N, 117) metres, fine (N, 16, 128, 128), coarse (N, 48, 64, 64)
pose_mask                      mask (N, 1, 256, 256) logits, from `fine` and `coarse`
palm_detection  192  0 to 1    boxes (N, 2016, 18), scores (N, 2016, 1) logits
hand_landmark   224  0 to 1    landmarks (N, 63), presence (N, 1) and handedness (N, 1) 0 to 1,
                               world (N, 63) metres
hand_recrop     256  0 to 1    crop (N, 4)
face_landmark   192  0 to 1    landmarks (N, 1404), presence (N, 1) logit
face_detection  128  -1 to 1   boxes (N, 896, 16), scores (N, 896, 1) logits
iris_landmark   64   0 to 1    contour (N, 213), iris (N, 15)

Places are in pixels of the S x S picture; boxes and their points relative to their anchor.
`python -m rotocap.tools.build_models` makes the files; `models.json` beside them, which is
committed, says what their bytes must be.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

MODELS = Path(__file__).parent / "data" / "models"
MANIFEST = "models.json"
# Google's face_landmarker, which a user may have, as two ONNX files in one folder.
FACE_LANDMARKER = ("face_landmarks_detector.onnx", "face_blendshapes.onnx")
_MAKE = "Run `make models`, or install the extension again."


def has_face_landmarker(folder: Path) -> bool:
    """Whether both of its files are in the folder."""
    return all((folder / name).is_file() for name in FACE_LANDMARKER)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(folder: Path = MODELS) -> dict[str, str]:
    """name -> the SHA-256 that the file of that network must have.

    Raises ModelError if the list of them is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
        return {name: str(about["sha256"]) for name, about in json.loads(text)["models"].items()}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). {_MAKE}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is damaged ({error}). {_MAKE}") from error


@functools.cache
def embedded(name: str, *, folder: Path = MODELS) -> Path:
    """The file of a network, its bytes checked once in the life of the process.

    Raises ModelError if there is no such network, or if its file is missing or changed.
    """
    known = hashes(folder)
    if name not in known:
        raise ModelError(f"network {name!r}: there is none; there are {', '.join(sorted(known))}.")
    path = folder / f"{name}.onnx"
    try:
        found = sha256_file(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). {_MAKE}") from error
    if found != known[name]:
        raise ModelError(
            f"{path}: its sha256 is {found}, expected {known[name]}: the file is damaged or of another "
            f"version. Delete it. {_MAKE}"
        )
    return path


_used: set[str] = set()


def used() -> list[str]:
    """What the networks of this process really run on, as ONNX Runtime calls it; nothing before the first."""
    return sorted(_used)


def session(path: Path, *, threads: int = 2) -> onnxruntime.InferenceSession:
    """A network ready to run on the processor.

    threads: how many work on one call. They sleep between calls: ONNX Runtime's default, to
    spin, makes every call several times slower as soon as anything else is running.
    Raises ModelError if the file is no network that ONNX Runtime can run.
    """
    # Imported here, because reading hashes and the catalogue must not need it.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        opened = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own errors have no common class but this
        raise ModelError(f"{path}: ONNX Runtime cannot run it ({error}). {_MAKE}") from error
    _used.add(opened.get_providers()[0])
    return opened
