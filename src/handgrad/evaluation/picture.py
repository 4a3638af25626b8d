"""Brings a picture from the world into the form of the training images: a drawing on paper, photographed or scanned."""

from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from handgrad.errors import UsageError

Array = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
MNIST_BOX = 20 / 28  # LeCun's digits fill a box of 20 of the 28 pixels, and their centre of mass is the centre
WORKING_SIDE = 320  # pixels of the longer side in which a drawing is looked for
BACKGROUND = 1 / 4  # of the shorter side: wider than a stroke, narrower than a shadow
NOISE = 4.0  # standard deviations of the paper's grain above which there may be ink
LEAST_CONTRAST, LOW_CONTRAST = 12, 40  # of 255
EMPTY = "nothing is drawn on it"
PLAIN = 32  # levels within which the border of a picture is of one shade
SLANTS = np.tan(np.deg2rad(np.arange(-8, 8.5, 0.5)))  # of ruled lines
COVERED, LONG = 0.7, 0.8  # share of a line that is ink where the paper is ruled, and of the picture that it crosses
SPECK = 0.02  # of the longer side: a smaller drawing is none
COMPANION, NEAR = 0.1, 0.25  # area beside the largest stroke, and distance beside its longer side, of its companions
GAP = 3  # pixels on both sides over which a pen may have skipped
OTHER = 0.3  # area beside the largest stroke's from which on another one may be meant as well
THINNEST, THIN = 1.8, 2.2  # pixels; MNIST's strokes are 2 to 4 pixels wide
EDGE = 0.5  # ink at which a stroke ends
STEEPEST = 1.0  # slant, as a tangent, beyond which a drawing is not written at a slant
VIEWS = "as drawn", "sheared upright", "turned upright"


class Fitted(NamedTuple):
    """The picture that enters a network, whether it was inverted, and what may make the answer wrong, in words.

    `others` are further views of a drawing, in the order of VIEWS: the answer is the mean of those for all views.
    """

    picture: Array
    inverted: bool
    doubts: tuple[str, ...] = ()
    others: tuple[Array, ...] = ()

    @property
    def views(self) -> Array:
        """All that the network sees.  Shapes  -> (number of views, *shape) uint8"""
        return np.stack([self.picture, *self.others])

    @property
    def empty(self) -> bool:
        """Whether no drawing was found."""
        return EMPTY in self.doubts


class Drawing(NamedTuple):
    """Ink from 0 to 1 within the smallest box around it.  Shapes  ink (h, w) float32"""

    ink: Floats
    doubts: tuple[str, ...]


def fit_picture(grey: Array, shape: tuple[int, ...], drawn: bool, centred: bool | None = None) -> Fitted:
    """The drawing alone in a picture of `shape`, light on dark, its proportions kept.

    A picture that already has `shape` is not moved. `drawn`: ink on paper, so shadows, ruled lines and specks are left
    out; otherwise the picture of a thing. `centred` (as `drawn`): placed as MNIST's are; otherwise it fills the frame.

    Shapes  grey (any height, any width) uint8 -> shape uint8
    Ref     LeCun, Cortes & Burges, The MNIST database, section on preprocessing
    """
    if len(shape) != 2:
        raise UsageError(f"this network takes inputs of shape {shape}, not pictures")
    centred = drawn if centred is None else centred
    inverted = dark_on_light(grey, drawn and grey.shape != shape)
    light = 255 - grey if inverted else grey
    found = None
    if np.ptp(light) >= LEAST_CONTRAST:
        if light.shape == shape:
            return Fitted(light, inverted)
        found = find_drawing(light) if drawn else _whole(light)
    if found is None:
        return Fitted(np.zeros(shape, np.uint8), inverted, (EMPTY,))
    inks = [found.ink, *_other_views(found.ink)] if centred and drawn else [found.ink]
    picture, *others = (_placed(_scaled(ink, shape, centred), shape, centred) for ink in inks)
    return Fitted(picture, inverted, found.doubts, tuple(others))


def dark_on_light(grey: Array, drawn: bool) -> bool:
    """By the border of the picture of a thing; on a drawing, ink is the rarer side of what surrounds it.

    The border of a photographed sheet may show the table below it, so the middle decides where anything is drawn there.
    """
    small = _shrunk(grey, WORKING_SIDE // 4).astype(float)
    beside = small - scipy.ndimage.median_filter(small, size=max(3, int(0.4 * min(small.shape))), mode="nearest")
    margin = [int(0.15 * size) for size in small.shape]
    for part in (beside[margin[0] or None : -margin[0] or None, margin[1] or None : -margin[1] or None], beside):
        if drawn and (np.abs(part) > 2 * LEAST_CONTRAST).mean() > 0.002:
            return bool((part**3).sum() < 0)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return bool(np.median(edge) > 127)


def light_background(images: Array) -> bool | None:
    """Whether training images are drawings on light ground, or on dark; None where most have no plain ground.

    Shapes  images (N, H, W) uint8
    """
    some = images[:: max(1, len(images) // 1000)]
    edges = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1).astype(float)
    middles = np.median(edges, axis=1)
    plain = (np.abs(edges - middles[:, None]) < PLAIN).mean(axis=1) > 0.9
    light = middles > 127
    for ground in (True, False):
        if (plain & (light == ground)).mean() > 0.8:
            return ground
    return None


def find_drawing(light: Array) -> Drawing | None:
    """The largest stroke with what belongs to it; None on an empty sheet.

    The background under each pixel is the darkest level that the surroundings of a stroke's width leave, so shadows go.
    """
    small = _shrunk(light, WORKING_SIDE).astype(np.float32)
    ink, mask, grain = _ink(small)
    mask = _without_lines(mask)
    chosen, doubts = _stroke(mask, ink)
    if chosen is None:
        return None
    box = scipy.ndimage.find_objects(chosen.astype(int))[0]
    scale = max(light.shape) / max(small.shape)
    height, width = (axis.stop - axis.start for axis in box)
    if scale > 1.5 and max(height, width) < WORKING_SIDE / 3:  # a small drawing on a large sheet, seen from nearer
        margin = max(height, width) / 3
        near = tuple(
            slice(max(0, int((axis.start - margin) * scale)), int((axis.stop + margin) * scale)) for axis in box
        )
        nearer = find_drawing(light[near])
        return nearer and nearer._replace(doubts=tuple(dict.fromkeys([*doubts, *nearer.doubts])))
    level = float(np.percentile(ink[chosen], 90))
    if level < LEAST_CONTRAST:
        return None
    if level < LOW_CONTRAST:
        doubts.append("low contrast")
    if height >= 0.97 * small.shape[0] or width >= 0.97 * small.shape[1]:
        doubts.append("the drawing touches the border: leave some paper around it")
    soft = np.where(
        scipy.ndimage.binary_dilation(chosen, iterations=2), np.clip((ink - grain) / (level - grain), 0, 1), 0
    )
    return Drawing(soft[box].astype(np.float32), tuple(doubts))


def _ink(light: Floats) -> tuple[Floats, Mask, float]:
    """How far each pixel stands out of its background, which of them are ink, and the grain of the paper."""
    window = max(3, int(BACKGROUND * min(light.shape)) | 1)
    smooth = scipy.ndimage.gaussian_filter(light, 0.7)
    opened = scipy.ndimage.grey_opening(
        smooth, size=window, mode="constant", cval=-1e6
    )  # by windows inside the picture
    background = scipy.ndimage.gaussian_filter(opened, window / 6)
    ink = smooth - background
    centre = float(np.median(ink))
    grain = centre + NOISE * 1.4826 * float(np.median(np.abs(ink - centre)))
    candidates = ink[ink > max(grain, LEAST_CONTRAST)]
    level = _otsu(candidates) if len(candidates) else np.inf
    return ink, ink > level, grain


def _otsu(values: Floats) -> float:
    """The level that splits values into two groups with the least variance within both.

    Ref     Otsu (1979), IEEE Transactions on Systems, Man, and Cybernetics 9
    """
    counts, edges = np.histogram(values, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * (total - below) * (sums / below - (sums[-1] - sums) / (total - below)) ** 2
    return float(edges[1 + np.argmax(np.nan_to_num(between[:-1]))])


def _without_lines(mask: Mask) -> Mask:
    """Without the lines of ruled paper, but for what a stroke covers of them."""
    for turned in (False, True):
        across = mask.T if turned else mask
        line = _lines(across)
        if line.any():
            kept = across & ~line
            vertical = np.ones((int(2 + 2 * line.sum(axis=0).max() / max(1, _count(line))), 1), bool)
            across = kept | (scipy.ndimage.binary_closing(kept, vertical) & line)
            mask = across.T if turned else across
    return mask


def _count(line: Mask) -> int:
    return int(scipy.ndimage.label(line[:, line.shape[1] // 2])[1])


def _lines(mask: Mask) -> Mask:
    """Thin lines across the whole picture, at one slant."""
    height, width = mask.shape
    best, (down, across) = np.zeros_like(mask), np.nonzero(mask)
    for shift in np.rint(SLANTS[:, None] * np.arange(width)).astype(int):
        shift -= shift.min()
        inked = np.bincount(down + shift[across], minlength=height + shift.max())
        if inked.max(initial=0) < COVERED * LONG * width:
            continue
        rows = np.arange(height)[:, None] + shift
        total = np.bincount(rows.ravel())
        found = ((inked > COVERED * total) & (total > LONG * width))[rows]
        if found[:, width // 2].sum() > best[:, width // 2].sum():
            best = found
    return scipy.ndimage.binary_dilation(best, np.ones((3, 1), bool)) if best.mean() < 0.3 else np.zeros_like(mask)


def _stroke(mask: Mask, ink: Floats) -> tuple[Mask | None, list[str]]:
    """The connected ink with the most mass and its companions, or None; and what else there was."""
    groups, count = scipy.ndimage.label(scipy.ndimage.binary_dilation(mask, np.ones((3, 3)), GAP), np.ones((3, 3), int))
    groups = np.where(mask, groups, 0)
    if not count:
        return None, []
    areas = np.bincount(groups.ravel(), minlength=count + 1)[1:]
    mass = scipy.ndimage.sum_labels(ink, groups, np.arange(1, count + 1))
    boxes = scipy.ndimage.find_objects(groups)
    ends = np.array([(down.start, across.start, down.stop, across.stop) for down, across in boxes])
    inside = (ends[:, :2] > 0).all(axis=1) & (ends[:, 2:] < mask.shape).all(axis=1)
    size = (ends[:, 2:] - ends[:, :2]).max(axis=1)
    large = areas >= 0.002 * mask.size
    eligible = inside & large if (inside & large).any() else np.ones(count, bool)
    main = int(np.argmax(np.where(eligible, mass, -1)))
    if size[main] < SPECK * max(mask.shape):
        return None, []
    gaps = np.array([_gap(box, boxes[main]) for box in boxes])
    companions = (areas >= COMPANION * areas[main]) & (gaps <= NEAR * size[main]) & (eligible | (gaps == 0))
    companions[main] = True
    others = (areas >= OTHER * areas[main]) & ~companions & eligible
    doubts = [f"{1 + int(others.sum())} separate drawings: the largest was taken"] if others.any() else []
    return np.isin(groups, 1 + np.flatnonzero(companions)), doubts


def _gap(box: Any, other: Any) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    apart = [max(a.start - b.stop, b.start - a.stop, 0) for a, b in zip(box, other, strict=True)]
    return float(np.hypot(*apart))


def with_views(picture: Array) -> Array:
    """A training or test image and its other VIEWS.  Shapes  picture (H, W) uint8 -> (number of views, H, W) uint8"""
    others = _other_views(_whole(picture).ink)
    return np.stack([picture, *(_placed(_scaled(ink, picture.shape, True), picture.shape, True) for ink in others)])


def _other_views(ink: Floats) -> list[Floats]:
    """The VIEWS of a drawing but for the first: upright is where its second moments have no slant.

    Math    slant = sum m x y / sum m y^2, where m is ink, and x and y are distances from the centre of mass
    """
    down, across = (axis - np.average(axis, weights=ink) for axis in np.indices(ink.shape, float))
    slant = float(np.clip((ink * across * down).sum() / max((ink * down**2).sum(), 1e-9), -STEEPEST, STEEPEST))
    turn = np.array([[1, -slant], [slant, 1]]) / np.hypot(1, slant)
    return [_moved(ink, np.array([[1, 0], [slant, 1]])), _moved(ink, turn)]


def _moved(ink: Floats, matrix: NDArray[np.float64]) -> Floats:
    """The pixel at `x` from the centre is taken from `matrix @ x`; then the smallest box around the drawing."""
    corners = np.abs(np.linalg.inv(matrix)) @ ink.shape
    size = np.ceil(corners).astype(int)
    offset = (np.array(ink.shape) - 1) / 2 - matrix @ ((size - 1) / 2)
    moved = scipy.ndimage.affine_transform(ink, matrix, offset, tuple(size), order=1)
    box = scipy.ndimage.find_objects((moved > EDGE).astype(int))
    return np.asarray(moved[box[0]] if box else ink)


def _whole(light: Array) -> Drawing:
    """The smallest box around everything that stands out of the border's level; the whole picture when nothing does."""
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    ink = light.astype(int) > int(np.median(edge)) + 32
    box = scipy.ndimage.find_objects(ink.astype(int))[0] if ink.any() else (slice(None), slice(None))
    return Drawing((light[box] / np.float32(255)).astype(np.float32), ())


def _shrunk(grey: Array, side: int) -> Array:
    factor = side / max(grey.shape)
    if factor >= 1:
        return grey
    height, width = (max(1, round(size * factor)) for size in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))


def _scaled(ink: Floats, shape: tuple[int, ...], centred: bool) -> Floats:
    """Brought into the box; strokes that would be thinner than any in MNIST are drawn with a broader pen."""
    share = MNIST_BOX if centred else 1.0
    factor = min(share * shape[0] / ink.shape[0], share * shape[1] / ink.shape[1])
    if centred and factor < 1:
        width = 4 * float(scipy.ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))[1:-1, 1:-1][ink > 0.5].mean() or 0)
        if 0 < width * factor < THINNEST:
            more = int(np.ceil((THIN / factor - width) / 2))
            ink = scipy.ndimage.grey_dilation(np.pad(ink, more), size=2 * more + 1)
            factor = min(share * shape[0] / ink.shape[0], share * shape[1] / ink.shape[1])
    height, width_ = (max(1, round(size * factor)) for size in ink.shape)
    resample = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(ink).resize((width_, height), resample))


def _placed(ink: Floats, shape: tuple[int, ...], by_mass: bool) -> Array:
    drawing = np.rint(255 * ink).astype(np.uint8)
    corner = []
    for axis in (0, 1):
        middle, centre = (shape[axis] - 1) / 2, (drawing.shape[axis] - 1) / 2
        if by_mass and drawing.any():
            # MNIST's images have their centre of mass at 14.0 on average, counting pixels from 0: not at 13.5.
            middle = shape[axis] / 2
            centre = float(np.average(np.arange(drawing.shape[axis]), weights=drawing.sum(axis=1 - axis, dtype=float)))
        corner.append(int(np.clip(round(middle - centre), 0, shape[axis] - drawing.shape[axis])))
    canvas: Any = np.zeros(shape, np.uint8)
    canvas[corner[0] : corner[0] + drawing.shape[0], corner[1] : corner[1] + drawing.shape[1]] = drawing
    return canvas
