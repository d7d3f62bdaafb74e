# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's own Holistic on a video, a block at a time. Runs in an environment of its own.

    python peer.py VIDEO FRAMES      then a line on stdin: one block; a line out: seconds, work, frames, found

Nothing of Rotocap is imported here, and Rotocap never imports this.
"""

from __future__ import annotations

import sys
import time

import cv2
import mediapipe


def main() -> None:
    video, count = sys.argv[1], int(sys.argv[2])
    for _ in sys.stdin:
        began, worked = time.perf_counter(), time.process_time()
        found = read = 0
        with mediapipe.solutions.holistic.Holistic(model_complexity=1) as holistic:
            capture = cv2.VideoCapture(video)
            while read < count:
                ok, image = capture.read()
                if not ok:
                    break
                result = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
                found += result.pose_landmarks is not None
                read += 1
        print("BLOCK", time.perf_counter() - began, time.process_time() - worked, read, found, flush=True)


if __name__ == "__main__":
    main()
