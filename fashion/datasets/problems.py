"""What is wrong in the files of a data set: counted and named, never fatal.

A training that has run for days must not die for one bad file, and nobody should have to guess
why 17 garments are missing. So readers note every oddity here and go on; the summary says how
often each one was met, what was done about it, and where to look.
"""


class Problems:
    """Places where files are odd, by reason, in the order they were met."""

    def __init__(self, places: dict[str, list[str]] | None = None):
        self._places = {reason: list(where) for reason, where in (places or {}).items()}

    def add(self, reason: str, place: str) -> None:
        """Notes one oddity.

        Args:
            reason: what is odd and what is done about it, the same words each time.
            place: file and item, as "000001.json item2".
        """
        self._places.setdefault(reason, []).append(place)

    def extend(self, other: "Problems") -> None:
        """Adds everything that `other` holds."""
        for reason, places in other._places.items():
            self._places.setdefault(reason, []).extend(places)

    def places(self, reason: str) -> list[str]:
        """All places noted for a reason; empty where it was never met."""
        return list(self._places.get(reason, []))

    @property
    def counts(self) -> dict[str, int]:
        """How often each reason was met, most frequent first."""
        return dict(sorted(((reason, len(places)) for reason, places in self._places.items()),
                           key=lambda pair: -pair[1]))

    def __len__(self) -> int:
        return sum(len(places) for places in self._places.values())

    def to_dict(self) -> dict[str, list[str]]:
        """Reason -> places, for JSON; `Problems(dictionary)` reads it back."""
        return {reason: list(places) for reason, places in self._places.items()}

    def summary(self, examples: int = 3) -> str:
        """One line per reason: how often, what, and the first few places."""
        lines = []
        for reason, count in self.counts.items():
            shown = ", ".join(self._places[reason][:examples])
            more = ", ..." if count > examples else ""
            lines.append(f"{count:>8,}  {reason}: {shown}{more}")
        return "\n".join(lines)
