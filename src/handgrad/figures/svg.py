"""Matplotlib's SVG made small: what is said many times is said once, and nothing finer than a tenth of a point.

A figure stands in a page beside others, so that no name of its own may leak: identifiers begin with a digest of the
figure, and its classes mean nothing outside of it.
"""

import base64
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]
# The first font that a reader has.
FONTS = "'DejaVu Sans', Verdana, 'Liberation Sans', Arial, sans-serif"
STYLE = f"stroke-linejoin:round;stroke-linecap:butt;font-family:{FONTS}"
DEFAULTS = "font-family: 'DejaVu Sans'|stroke-dashoffset: 0|text-anchor: start"
MANY = 60  # points of a line that loses the corners that nobody sees
FEW = 4  # marks of one shape in a row that are said by their places alone
INVISIBLE = 0.4  # points, a seventh of a millimetre: a third of the width of a line
HREF, NAMESPACE = "xlink:href", re.compile(r"\{.*\}")
PNG = "data:image/png;base64,"
MOVED = re.compile(r"translate\((?P<x>-?[\d.]+) (?P<y>-?[\d.]+)\)")


def small_svg(text: str, caption: str) -> str:
    """An <svg> element, without what nobody sees, that `caption` says in words."""
    root = ElementTree.fromstring(text[text.index("<svg ") :])
    attributes = {"role": "img", "aria-label": caption, "style": STYLE, "viewBox": root.get("viewBox", "")}
    sizes = {name: root.get(name, "") for name in ("width", "height")}
    own = "f" + hashlib.sha256((text + caption).encode()).hexdigest()[:6]
    _merge_ticks(root)
    _tidy(root, 10)
    _with_classes(root, own)
    names = {"class": own, "xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}
    root.attrib = {**attributes, **sizes, **names}
    made = ElementTree.tostring(root, "unicode").strip().replace(" />", "/>")
    short = {name: f"{own}{number}" for number, name in enumerate(re.findall(r'\bid="([^"]+)"', made))}
    return re.sub(r'(\bid="|url\(#|href="#)([^")]+)', lambda place: place[1] + short.get(place[2], place[2]), made)


def _merge_ticks(root: Element) -> None:
    """The grid lines of an axis as one path, and its tick marks as another, below the numbers at them."""
    svg = root.tag.removesuffix("svg")
    marks = {mark.get("id"): mark for defs in root.iter(f"{svg}defs") for mark in defs.findall(f"{svg}path")}
    href = next((name for use in root.iter(f"{svg}use") for name in use.attrib if name.endswith("}href")), "")
    for axis in [group for group in root.iter(f"{svg}g") if group.get("id", "").startswith("matplotlib.axis_")]:
        merged: dict[str, list[str]] = {}
        for group in list(axis.iter(f"{svg}g")):
            for part in list(group):
                look = part.get("style", "")
                if part.tag == f"{svg}path" and "fill: none" in look:  # a grid line, which ends where the axes do
                    merged.setdefault(look, []).append(part.get("d", ""))
                elif part.tag == f"{svg}use" and part.get(href, "")[1:] in marks:
                    merged.setdefault(look, []).append(_moved(marks[part.get(href, "")[1:]].get("d", ""), part))
                else:
                    continue
                group.remove(part)
        for place, (style, lines) in enumerate(merged.items()):
            axis.insert(place, Element(f"{svg}path", {"d": " ".join(lines), "style": style}))
    used = {use.get(href, "")[1:] for use in root.iter(f"{svg}use")}
    for defs in root.iter(f"{svg}defs"):
        for mark in [mark for mark in defs if mark.get("id") in marks.keys() - used]:
            defs.remove(mark)


def _moved(path: str, use: Element) -> str:
    x, y = float(use.get("x", 0)), float(use.get("y", 0))
    return re.sub(r"(-?[\d.]+) (-?[\d.]+)", lambda place: f"{float(place[1]) + x:.6f} {float(place[2]) + y:.6f}", path)


def _tidy(element: Element, parts: int) -> None:
    """Bring an element, and all in it, into brief words; coordinates in so many parts of a point."""
    element.tag = NAMESPACE.sub("", element.tag)
    element.attrib = dict(_attributes(element, parts))
    children = [child for child in element if not child.tag.endswith(("}metadata", "}style"))]
    for child in children:
        _tidy(child, 100 if element.tag in ("defs", "marker") else parts)
        if element.tag == "defs" and child.tag == "path":  # whoever uses the mark says all of its style
            child.attrib.pop("style", None)
    if element.tag not in ("text", "tspan"):
        element.text = "\n" if len(element) else None
    if element.tag != "tspan":
        element.tail = "\n"
    flat = [part for child in children for part in (child if child.tag == "g" and not child.attrib else [child])]
    kept = [child for child in flat if len(child) or child.tag not in ("g", "defs")]
    element[:] = [part for key, group in groupby(kept, _marks) for part in (_marked(list(group)) if key else group)]
    lines = {child.get("d"): child for child in element if child.tag == "path"}
    for place, child in enumerate(element):
        line = lines.get(child[1].get("d")) if len(child) == 2 and child[0].tag == "marker" else None
        if line is not None and line.get("clip-path") == child.get("clip-path"):
            line.set("style", f"{line.get('style')};marker:url(#{child[0].get('id')})")
            element[place] = child[0]


def _attributes(element: Element, parts: int) -> Iterator[tuple[str, str]]:
    style = re.sub(rf"(?<=[;:]) |({DEFAULTS})(; |$)", "", element.get("style", ""))
    style = re.sub(r"#(\w)\1(\w)\2(\w)\3\b", r"#\1\2\3", style)
    for written, value in element.attrib.items():
        name = "xlink:href" if written.endswith("}href") else written
        if name == "d":
            yield name, _path(value, parts)
        elif element.tag == "text" and (place := MOVED.fullmatch(value)):
            yield from zip(
                "xy", (_number(round(parts * float(number)), parts) for number in place.groups()), strict=True
            )
        elif name == "transform" and not re.match(r"rotate\(-?0 ", value):
            yield name, re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.5g}", value)
        elif name in ("x", "y", "width", "height") and element.tag not in ("svg", "image"):
            yield name, " ".join(_number(round(parts * float(number)), parts) for number in value.split())
        elif name == HREF and value.startswith(PNG):
            yield name, PNG + _small_png(value.removeprefix(PNG))
        elif name not in ("style", "transform") and not (name == "id" and element.tag in ("g", "text")):
            yield name, value
    if style:
        yield "style", style.rstrip(";")


def _number(value: int, parts: int) -> str:
    return re.sub(r"(?<!\d)0\.", ".", f"{value / parts:.9g}")


def _path(written: str, parts: int, whole: bool = False) -> str:
    """A path whose steps are said from each point to the next; a long line that is not to stay `whole`, simplified."""
    out, here, start, last = list[str](), np.zeros(2, int), np.zeros(2, int), ""
    for command, numbers in re.findall(r"([MLCQzZ])((?<=[ML])[^MCQzZ]*|[^MLCQzZ]*)", written):
        places = np.array(re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", numbers), float).reshape(-1, 2)
        if command in "zZ":
            out, here, last = [*out, "z"], start, "z"
            continue
        if command == "M":
            here = start = np.rint(parts * places[0]).astype(int)
            out += ["M", *(_number(value, parts) for value in here.tolist())]
            places, command, last = places[1:], "L", "M"
        if command == "L" and len(places) >= MANY and not whole:
            places = simplified(np.concatenate([here[None] / parts, places]))[1:]
        size = {"L": 1, "Q": 2, "C": 3}[command]
        for points in np.rint(parts * places).astype(int).reshape(-1, size, 2):
            (x, y), *more = (points - here).tolist()
            straight = "v" if x == 0 else "h"
            along = command == "L" and not x * y
            word, steps = (
                (straight, [x + y]) if along else (command.lower(), [x, y, *(n for step in more for n in step)])
            )
            out += [*([word] if word != last else []), *(_number(value, parts) for value in steps)]
            here, last = points[-1], word
    return re.sub(r" ?([a-zA-Z]) ?| (?=-)", r"\1", " ".join(out))


def simplified(places: Array) -> Array:
    """Those corners of a line without which it would move by more than INVISIBLE.  Shapes  (N, 2) -> (M, 2)

    Ref  Douglas & Peucker, Algorithms for the reduction of the number of points required to represent a digitized line
         or its caricature (1973)
    """
    kept, waiting = {0, len(places) - 1}, [(0, len(places) - 1)]
    while waiting:
        first, last = waiting.pop()
        between, whole = places[first + 1 : last] - places[first], places[last] - places[first]
        length = max(float(np.hypot(*whole)), 1e-9)
        along = np.clip(between @ whole / length**2, 0, 1)
        away = np.hypot(*(between - along[:, None] * whole).T)
        if len(away) and away.max() > INVISIBLE:
            middle = first + 1 + int(away.argmax())
            kept.add(middle)
            waiting += [(first, middle), (middle, last)]
    return places[sorted(kept)]


def _marks(element: Element) -> tuple[str, ...]:
    """What marks in a row have in common; nothing for what is no mark."""
    if element.tag != "use" or set(element.attrib) - {HREF, "x", "y", "style"}:
        return ()
    return element.get(HREF, ""), element.get("style", "")


def _marked(uses: list[Element]) -> list[Element]:
    """Marks as the corners of a line that is not drawn."""
    if len(uses) < FEW:
        return uses
    name = uses[0].get(HREF, "")[1:]
    number = hashlib.sha256(ElementTree.tostring(uses[0])).hexdigest()[:8]
    marker = Element("marker", {"id": f"{name}-{number}", "markerUnits": "userSpaceOnUse"})
    marker.append(Element("use", {HREF: f"#{name}", "style": uses[0].get("style", "")}))
    path = "L".join(f"{use.get('x')} {use.get('y')}" for use in uses)
    line = Element("path", {"d": _path(f"M{path}", 10, whole=True), "style": f"fill:none;marker:url(#{name}-{number})"})
    marker.tail = line.tail = "\n"
    return [marker, line]


def _with_classes(root: Element, own: str) -> None:
    """A class for each style that several elements have."""
    often = Counter(element.get("style", "") for element in root.iter()).most_common()
    classes = {style: f"c{number}" for number, (style, times) in enumerate(often) if style and times > 1}
    for element in root.iter():
        if name := classes.get(element.get("style", "")):
            del element.attrib["style"]
            element.set("class", name)
    faint = {name for style, name in classes.items() if re.search("(^|;)opacity", style)}  # not alike as a group
    _group_alike(root, "clip-path", set())
    _group_alike(root, "class", faint)
    rules = Element("style")
    declared = {f".{name}": style for style, name in classes.items()} | {"marker": "overflow:visible"}
    rules.text = "".join(f".{own} {name}{{{style}}}" for name, style in declared.items())
    root.insert(0, rules)


def _group_alike(root: Element, name: str, left: set[str]) -> None:
    """Elements in a row with the same attribute as a group that has it, but for the values that are `left`."""
    for element in list(root.iter()):
        found = list[Element]()
        for value, row in groupby(element, lambda part: part.get(name, "") if part.tag in ("path", "text") else ""):
            alike = list(row)
            if value and value not in left and len(alike) > 2:
                group = Element("g", {name: value})
                group.text = group.tail = "\n"
                for part in alike:
                    del part.attrib[name]
                group.extend(alike)
                alike = [group]
            found += alike
        element[:] = found


def _small_png(content: str) -> str:
    """The same picture, its colours in a palette where they are few, and no transparency where there is none."""
    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")
    pixels = np.asarray(picture).view(np.uint32)[..., 0]
    colours, places = np.unique(pixels, return_inverse=True)
    palette = colours.view(np.uint8).reshape(-1, 4)
    opaque = bool((palette[:, 3] == 255).all())
    made = [picture.convert("RGB") if opaque else picture]
    if len(colours) <= 256:
        made.append(Image.fromarray(places.reshape(pixels.shape).astype(np.uint8), "P"))
        made[1].putpalette(palette[:, :3].tobytes())
        if not opaque:
            made[1].info["transparency"] = palette[:, 3].tobytes()
    return min([content, *map(_png, made)], key=len)


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
