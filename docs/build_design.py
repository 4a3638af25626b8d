"""Draws the picture of docs/design.md from the table below it: `python docs/build_design.py`."""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "design.md"
PICTURE = Path(__file__).parent / "images" / "design.svg"
WIDTH, ROOF, FLOOR, ARROW, GAP = 420, 56, 36, 70, 3  # pixels
OPENING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
    'font-family="sans-serif" font-size="14">'
)
ROOM = '<rect x="{x:g}" y="{y}" width="{width:g}" height="{height}" fill="#e8eef7" stroke="#45629b"/>'
NAME = '<text x="{x:g}" y="{y}" text-anchor="middle">{name}</text>'


def floors(page: str) -> list[list[str]]:
    """The folders of each row of the table, from the top down."""
    return [re.findall(r"`(\w+)`", cell) for cell in re.findall(r"^\| \d+ \| ([^|]+) \|", page, re.MULTILINE)]


def drawing(rows: list[list[str]]) -> str:
    """An SVG of a house: a floor for each row with its folders as rooms, and the direction of imports beside it."""
    bottom = ROOF + len(rows) * FLOOR
    middle = (WIDTH + ARROW) / 2
    parts = [
        OPENING.format(width=WIDTH, height=bottom + 4),
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<path d="M{ARROW} {ROOF - GAP}L{middle:g} 4L{WIDTH - 2} {ROOF - GAP}Z" fill="#45629b"/>',
        f'<text x="{middle:g}" y="{ROOF - 14}" text-anchor="middle" fill="#fff">handgrad</text>',
        f'<path d="M52 {ROOF}V{bottom - 8}m-6 -9l6 9l6 -9" fill="none" stroke="#333" stroke-width="2"/>',
        f'<text transform="translate(38 {(ROOF + bottom) / 2:g}) rotate(-90)" text-anchor="middle">imports</text>',
    ]
    for number, rooms in enumerate(rows):
        top, width = ROOF + number * FLOOR, (WIDTH - ARROW) / len(rooms)
        for place, name in enumerate(rooms):
            left = ARROW + place * width
            parts.append(ROOM.format(x=left, y=top, width=width - GAP, height=FLOOR - GAP))
            parts.append(NAME.format(x=left + (width - GAP) / 2, y=top + 21, name=name))
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(floors(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
    print(PICTURE)
