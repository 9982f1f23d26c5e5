"""Arrays to few bytes and back, exactly.

Doubles become integers first, by the first of these that is exact for all of them: decimals (`k / 10**d`, as logged after rounding
or with microseconds), single precision (what tensors give), the bit pattern in an order-preserving form. Integers are differenced
as often (0 to 3 times) as makes them smallest, so smooth curves and counters vanish; what remains is split into byte planes, of
which each is stored as a constant, deflated, or as it is when deflating does not pay. Texts are joined and deflated.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DECIMAL, _SINGLE, _DOUBLE = 0, 1, 2
_CONSTANT, _DEFLATED, _PLAIN = 0, 1, 2
_MAX_DECIMALS = 12
_MAX_ORDER = 3
_SAMPLE = 512
_LEVEL = 4
_EXACT = float(2**53)
_HEAD = struct.Struct("<BBI")
_PLANE = struct.Struct("<BI")


def encode_floats(values: NDArray[np.float64]) -> bytes:
    """Return the bytes of doubles; NaN payloads and signs of zero survive."""
    if (found := _as_decimals(values)) is not None:
        return bytes((_DECIMAL, found[0])) + encode_ints(found[1])
    single = _as_single(values)
    if single is not None:
        return bytes((_SINGLE, 0)) + encode_ints(single)
    bits = values.view(np.int64)
    return bytes((_DOUBLE, 0)) + encode_ints(bits ^ ((bits >> 63) & 0x7FFF_FFFF_FFFF_FFFF))


def decode_floats(data: bytes | memoryview) -> NDArray[np.float64]:
    """Return the doubles of `encode_floats`."""
    mode, digits = data[0], data[1]
    whole = decode_ints(memoryview(data)[2:])
    if mode == _DECIMAL:
        return whole / 10.0**digits if digits else whole.astype(np.float64)
    if mode == _SINGLE:
        small = whole.astype(np.int32)
        return (small ^ ((small >> 31) & 0x7FFF_FFFF)).view(np.float32).astype(np.float64)
    result: NDArray[np.float64] = (whole ^ ((whole >> 63) & 0x7FFF_FFFF_FFFF_FFFF)).view(np.float64)
    return result


def encode_ints(values: NDArray[np.int64]) -> bytes:
    """Return the bytes of integers."""
    order = _best_order(values)
    heads: list[int] = []
    rest = values
    for _ in range(order):
        heads.append(int(rest[0]))
        rest = np.diff(rest)  # wraps around, and back again when decoded
    zigzag = ((rest << 1) ^ (rest >> 63)).view(np.uint64)
    top = int(zigzag.max()) if len(zigzag) else 0
    width = (top.bit_length() + 7) // 8
    planes = zigzag.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    parts = [_HEAD.pack(order, width, len(values)), struct.pack(f"<{order}q", *heads)]
    parts += [_encode_plane(np.ascontiguousarray(planes[:, index])) for index in range(width)]
    return b"".join(parts)


def decode_ints(data: bytes | memoryview) -> NDArray[np.int64]:
    """Return the integers of `encode_ints`."""
    view = memoryview(data)
    order, width, count = _HEAD.unpack_from(view)
    heads = struct.unpack_from(f"<{order}q", view, _HEAD.size)
    at = _HEAD.size + 8 * order
    rest = _decode_planes(view[at:], width, count - order)
    for head in reversed(heads):
        longer = np.empty(len(rest) + 1, dtype=np.int64)
        longer[0] = head
        longer[1:] = rest
        rest = np.cumsum(longer)
    return rest


def _decode_planes(view: memoryview, width: int, count: int) -> NDArray[np.int64]:
    """Return the integers whose zigzag form is stored in `width` byte planes; in half the memory when they are small."""
    small = width <= 4
    total: NDArray[Any] = np.zeros(count, dtype=np.uint32 if small else np.uint64)
    at = 0
    for index in range(width):
        method, size = _PLANE.unpack_from(view, at)
        at += _PLANE.size
        plane = _decode_plane(method, view[at : at + size])
        at += size
        kind = total.dtype.type
        total |= kind(int(plane) << (8 * index)) if isinstance(plane, int) else plane.astype(total.dtype) << kind(8 * index)
    sign = total & total.dtype.type(1)
    total >>= total.dtype.type(1)
    if small:
        narrow: NDArray[np.int32] = total.view(np.int32) ^ -sign.view(np.int32)
        return narrow.astype(np.int64)
    result: NDArray[np.int64] = total.view(np.int64) ^ -sign.view(np.int64)
    return result


def encode_texts(values: NDArray[Any]) -> bytes:
    """Return the bytes of JSON texts; none may hold a line break."""
    return zlib.compress(b"\n".join(values.tolist()), _LEVEL)


def decode_texts(data: bytes | memoryview) -> NDArray[Any]:
    """Return the texts of `encode_texts`."""
    texts = zlib.decompress(data).split(b"\n")
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def _as_decimals(values: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]] | None:
    """Return (digits, integers) with `integers / 10**digits` equal to `values` bit by bit, or None."""
    sample = values[:: max(1, len(values) // 64)][:64]
    fewest = _fewest_digits(float(values[0])) if len(values) else 0
    if fewest is None:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        for digits in range(fewest, _MAX_DECIMALS + 1):
            if _scaled(sample, digits) is not None:
                whole = _scaled(values, digits)
                if whole is not None:
                    return digits, whole
    return None


def _fewest_digits(value: float) -> int | None:
    """Return the fewest decimals that may write `value` exactly, or None: the answer for most columns that are no decimals, at a glance."""
    for digits in range(_MAX_DECIMALS + 1):
        scaled = value * 10.0**digits
        if not abs(scaled) < _EXACT:
            return None
        if round(scaled) / 10.0**digits == value:
            return digits
    return None


def _scaled(values: NDArray[np.float64], digits: int) -> NDArray[np.int64] | None:
    scaled = np.rint(values * 10.0**digits)
    if not (np.abs(scaled) < _EXACT).all():
        return None
    back = scaled / 10.0**digits
    if not (back.view(np.int64) == values.view(np.int64)).all():
        return None
    return scaled.astype(np.int64) if not np.signbit(scaled[scaled == 0]).any() else None


def _as_single(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return the ordered bit patterns in single precision when that is exact, or None."""
    with np.errstate(over="ignore", invalid="ignore"):
        small = values.astype(np.float32)
    if not (small.astype(np.float64).view(np.int64) == values.view(np.int64)).all():
        return None
    bits = small.view(np.int32)
    return (bits ^ ((bits >> 31) & 0x7FFF_FFFF)).astype(np.int64)


def _best_order(values: NDArray[np.int64]) -> int:
    """Return how often differencing makes the numbers smallest, judged on a stretch in the middle."""
    if len(values) < 2:
        return 0
    start = max(0, len(values) // 2 - _SAMPLE // 2)
    stretch = values[start : start + _SAMPLE]
    best, best_cost = 0, float("inf")
    for order in range(min(_MAX_ORDER, len(values) - 1) + 1):
        if len(stretch) == 0:
            break
        cost = float(np.log2(1.0 + np.abs(stretch.astype(np.float64))).mean()) + 0.05 * order
        if cost < best_cost:
            best, best_cost = order, cost
        stretch = np.diff(stretch)
    return best


def _encode_plane(plane: NDArray[np.uint8]) -> bytes:
    first = plane[0]
    if (plane == first).all():
        return _PLANE.pack(_CONSTANT, 1) + bytes((int(first),))
    data = plane.tobytes()
    if _is_noise(plane):
        return _PLANE.pack(_PLAIN, len(data)) + data
    packed = zlib.compress(data, _LEVEL)
    if len(packed) >= len(data):
        return _PLANE.pack(_PLAIN, len(data)) + data
    return _PLANE.pack(_DEFLATED, len(packed)) + packed


def _decode_plane(method: int, data: memoryview) -> NDArray[np.uint8] | int:
    if method == _CONSTANT:
        return data[0]
    raw = zlib.decompress(data) if method == _DEFLATED else data
    return np.frombuffer(raw, dtype=np.uint8)


def _is_noise(plane: NDArray[np.uint8]) -> bool:
    """Whether bytes are spread so evenly that deflating cannot gain a twentieth."""
    if len(plane) < 1024:
        return False
    counts = np.bincount(plane, minlength=256)
    shares = counts[counts > 0] / len(plane)
    return float(-(shares * np.log2(shares)).sum()) > 7.6
