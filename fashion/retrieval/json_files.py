"""JSON files that we have written, and that may have been damaged since."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path


def read_json(path: Path, advice: str, make: Callable):
    """What a function makes of the contents of a JSON file.

    Args:
        path: of the file.
        advice: what to do where it is damaged, a sentence.
        make: takes the contents; it raises AttributeError, KeyError, TypeError or ValueError
            where they are not what it expects.

    Raises:
        ValueError: a damaged file, or one of other contents; the text names it and ends with the
            advice.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged, it is no JSON ({error}). {advice}") from error
    try:
        return make(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, its contents are not what was written there "
                         f"({error!r}). {advice}") from error


def typed(cls: type, content: dict):
    """A data class of its fields' values.

    Raises:
        TypeError: a field that is missing, unknown or of another type.
    """
    made = cls(**content)
    for field in fields(cls):
        value = getattr(made, field.name)
        if not isinstance(value, field.type):
            raise TypeError(f"{field.name}: {value!r}")
    return made
