"""Streets and paintings: how long one takes on one core.

Nothing else renders them, so there is no peer; the design asks for 30 streets a second on one core at 128x256.
"""

from __future__ import annotations

from gltr_lib import paintings, streets
from gltr_lib.bench import Case, Made


def cases(small: bool, device: str) -> list[Case]:
    """Looks and sizes of streets, all kinds of paintings in turn."""
    several = 2 if small else 16
    size = (32, 64) if small else (128, 256)

    def street(look: str, size: tuple[int, int], count: int) -> Case:
        def make() -> Made:
            return Made(lambda: [streets.render(seed, look, size) for seed in range(count)], units=count)

        return Case(f"street, {look}, {size[1]}x{size[0]}", make)

    def painting() -> Made:
        side = 32 if small else 256
        kinds = list(paintings.KINDS)
        return Made(lambda: [paintings.paint(1, kind, side) for kind in kinds], units=len(kinds))

    large = [] if small else [street("game", (640, 1280), 3)]
    return [
        *(street(look, size, several) for look in ("game", "sun", "sampled:100")),
        *large,
        Case("painting, mean of all kinds", painting),
    ]
