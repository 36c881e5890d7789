"""JSON lists that are written row by row: of a whole validation set they are too long for a text.
"""

from pathlib import Path

from mrcnn.files import atomic_path


def write_rows(path: str | Path, rows, before: str = "", after: str = "") -> None:
    """Writes a JSON list; the file is there whole or not at all.

    Args:
        path: of the file.
        rows: iterable of texts, the JSON of each element.
        before, after: what stands around the list, such as '{"annotations": ' and '}'.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(before + "[")
        for number, row in enumerate(rows):
            file.write((",\n" if number else "\n") + row)
        file.write("\n]" + after)
