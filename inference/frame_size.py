# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture size that an encoded packet states, for noticing that it changes within a file.

OpenCV converts every decoded picture as if it had the first one's size: after a change its
pictures are torn, and no property of it tells. The packets do, for the codecs that change
size in the stream itself: Motion JPEG, MPEG-1 and -2, VP8 and VP9 (browsers' recordings),
H.264 and HEVC.
"""

from __future__ import annotations

from collections.abc import Callable

_SPS, _HEVC_SPS = 7, 33  # sequence parameter sets
_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128}  # H.264 profiles that state it


class _Bits:
    """Big-endian bits of a packet, read in order."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise EOFError
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def stated_size(packet: bytes, codec: str) -> tuple[int, int] | None:
    """(width, height) that the packet states, None if it states none or the codec is not known here.

    `codec` is the FourCC in lower case. H.264 and HEVC in Annex B form. What is stated may include
    rows and columns that the decoder cuts off: compare it with other packets', not with pictures.
    """
    reader = _READERS.get(codec)
    if reader is None:
        return None
    try:
        return reader(packet)
    except (EOFError, IndexError):  # a damaged packet states nothing; the decoder will say so
        return None


def _jpeg(packet: bytes) -> tuple[int, int] | None:
    at = 2
    while packet[at] == 0xFF:
        marker, length = packet[at + 1], int.from_bytes(packet[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = (int.from_bytes(packet[at + k : at + k + 2], "big") for k in (5, 7))
            return width, height
        at += 2 + length
    return None


def _vp8(packet: bytes) -> tuple[int, int] | None:
    if packet[0] & 1 or packet[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(packet[k : k + 2], "little") & 0x3FFF for k in (6, 8))
    return width, height


def _vp9(packet: bytes) -> tuple[int, int] | None:
    bits = _Bits(packet[:24])
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    shown_again, inter = bits.take(1), bits.take(1)
    bits.take(2)
    if shown_again or inter or bits.take(24) != 0x498342:
        return None
    if profile >= 2:
        bits.take(1)
    if bits.take(3) != 7:  # not sRGB: its range, and its subsampling where the profile leaves it open
        bits.take(1)
        if profile in (1, 3):
            bits.take(3)
    elif profile in (1, 3):
        bits.take(1)
    return bits.take(16) + 1, bits.take(16) + 1


def _h264(packet: bytes) -> tuple[int, int] | None:
    # Parameter sets stand before the slices, which may be long.
    at = packet.find(b"\x00\x00\x01")
    while 0 <= at < 4096 and at + 3 < len(packet):
        kind = packet[at + 3] & 0x1F
        if kind == _SPS:
            return _h264_sps(packet[at + 4 : at + 300].replace(b"\x00\x00\x03", b"\x00\x00"))
        if kind in (1, 5):
            return None
        at = packet.find(b"\x00\x00\x01", at + 3)
    return None


def _h264_sps(data: bytes) -> tuple[int, int]:
    bits = _Bits(data)
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    if profile in _WITH_CHROMA:
        if bits.golomb() == 3:
            bits.take(1)
        bits.golomb(), bits.golomb(), bits.take(1)
        if bits.take(1):
            raise EOFError  # scaling lists: no camera writes them
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1), bits.signed_golomb(), bits.signed_golomb()
        for _ in range(bits.golomb()):
            bits.signed_golomb()
    bits.golomb(), bits.take(1)
    width = 16 * (bits.golomb() + 1)
    rows = bits.golomb() + 1
    return width, 16 * rows * (2 - bits.take(1))


def _hevc(packet: bytes) -> tuple[int, int] | None:
    at = packet.find(b"\x00\x00\x01")
    while 0 <= at < 4096 and at + 3 < len(packet):
        kind = packet[at + 3] >> 1 & 0x3F
        if kind == _HEVC_SPS:
            return _hevc_sps(packet[at + 5 : at + 300].replace(b"\x00\x00\x03", b"\x00\x00"))
        if kind < 32:  # a slice
            return None
        at = packet.find(b"\x00\x00\x01", at + 3)
    return None


def _hevc_sps(data: bytes) -> tuple[int, int]:
    bits = _Bits(data)
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 88 + 8)  # profile, tier and level
    if layers:
        stated = [(bits.take(1), bits.take(1)) for _ in range(8)]
        for profile, level in stated[:layers]:
            bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    return bits.golomb(), bits.golomb()


def _mpeg(packet: bytes) -> tuple[int, int] | None:
    at = packet.find(b"\x00\x00\x01\xb3")  # a sequence's header stands at the front
    if at < 0 or at + 7 > len(packet):
        return None
    size = int.from_bytes(packet[at + 4 : at + 7], "big")
    return size >> 12, size & 0xFFF


_READERS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "mjpg": _jpeg,
    "mpg1": _mpeg,
    "mpg2": _mpeg,
    "vp80": _vp8,
    "vp90": _vp9,
    "h264": _h264,
    "avc1": _h264,
    "hevc": _hevc,
    "hvc1": _hevc,
    "hev1": _hevc,
}
