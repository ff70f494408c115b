"""Looks: what the same street is made of, in what light, through what camera.

* ``game``: every class a narrow palette and one texture, clean and a little plastic, as in a game engine. The source.
* ``overcast`` and ``sun``: development looks with other materials (some are photographs), light, weather and sensor.
* ``geometry``: the game's materials, other streets and another camera. A control: appearance does not shift here.
* ``colour``: the game's picture behind a cheap camera (white balance, gamma, saturation). A control: textures stay.
* ``sampled:<n>``: the test looks, in ``sampled.py``.

Palettes are written as "A-B A-B ...": pairs of hex colours between which the slot's texture moves; a thing picks one.
"""

# ruff: noqa: E501 (palettes read better as rows)

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gltr_lib.streets.mix import Mix

RGB = tuple[float, float, float]
Pair = tuple[RGB, RGB]


def rgb(code: str) -> RGB:
    """Return a colour in [0, 1] from six hex digits."""
    return (int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255)


def pairs(text: str) -> tuple[Pair, ...]:
    """Parse "A-B A-B ..." into pairs of colours; "A" alone is a flat colour.

    Example:
        >>> pairs("000000-ffffff")
        (((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),)
    """
    return tuple((rgb(p.split("-")[0]), rgb(p.split("-")[-1])) for p in text.split())


@dataclass(frozen=True)
class Light:
    """Sun, sky and air."""

    sun: RGB = (-0.45, 0.75, -0.48)  # towards the sun, unit length or so
    sun_colour: RGB = (0.36, 0.35, 0.33)
    ambient: RGB = (0.66, 0.67, 0.70)
    shadow: float = 0.0  # 0 = none cast, 1 = black
    contact: float = 0.45
    zenith: RGB = (0.357, 0.608, 0.863)
    horizon: RGB = (0.749, 0.863, 0.949)
    cloud: RGB = (1.0, 1.0, 1.0)
    cover: float = 0.45  # share of the sky under cloud
    soft: float = 0.25  # width of a cloud's rim
    haze: RGB = (0.769, 0.863, 0.941)
    density: float = 0.0035  # per metre


@dataclass(frozen=True)
class Lens:
    """What the camera makes of the light."""

    exposure: float = 1.0
    balance: RGB = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 0.0
    saturation: float = 1.0
    vignette: float = 0.0
    blur: float = 0.0  # share of each pixel that spreads to its neighbours
    noise: float = 0.0  # deviation of the sensor's noise, in [0, 1]
    glare: float = 0.0
    meter: float = 0.0  # mean brightness that an automatic exposure aims at; 0 = fixed exposure


@dataclass(frozen=True)
class Look:
    """A full description; ``palettes`` and ``textures`` name every slot (textures: name, metres a tile, strength)."""

    name: str
    palettes: dict[str, tuple[Pair, ...]]
    textures: dict[str, tuple[str, float, float]]
    light: Light = field(default_factory=Light)
    lens: Lens = field(default_factory=Lens)
    mix: Mix = field(default_factory=Mix)


GAME_PALETTES = {
    "sky": "5b9bdc", "road": "54565e-686a72", "mark": "ece9dc-fbf8ee", "kerb": "a9a2a0-bdb6b2", "walk": "b08f8a-c9aaa2",
    "terrain": "79a83f-9cc653", "ground": "79a83f-9cc653", "rail": "3c3a40-55525a", "facade": "d9b98a-e9cf9f e0c596-efd8ae d2ac80-e2c294",
    "block": "d6b48c-e6cba4 ddc29a-ecd6b2", "trim": "f3e6cc-fff5e2", "glass": "f6efdf-5f8fb8", "door": "7a4b2c-94613b 83502e-9c6740",
    "roof": "a5533c-bd6a4c", "shop": "8a5a38-a06d47", "awning": "c65a3c-f1e6d2", "wall": "8c7f96-a99cb2", "coping": "b5aabd-c6bccd",
    "fence": "b8862b-d9a545", "pole": "4a5560-5e6a76", "lamp": "fff2c0", "box": "22262a-2e3338", "red": "ff3b2e", "amber": "ffb52e",
    "green": "35e06a", "signrim": "d8262e 1f5fc4 d8262e 1f5fc4", "signface": "fdfdf8 2f74dc fdfdf8 2f74dc", "signmark": "20242a fbfbf8 20242a fbfbf8",
    "leaf": "2c7a3a-4fa84c 2f8240-58b254", "hedge": "276f36-48a048", "hill": "4c9058-68a970", "bark": "6b4a32-84603f", "skin": "e8b48c-f0c29c c98f66-d49c74",
    "hair": "3a2a20-4c382c", "top": "d23c6e-e0558a c22f62-d5487c", "legs": "43386b-55497f", "rtop": "f08a24-f9a13f e87c18-f49432", "rlegs": "353b52-454c66",
    "helmet": "f4e04a", "car": "2456b8-3a76dc 1f4ca6-3268cc 2c62c6-4784e6", "cglass": "2a3642-8fb4cc", "tyre": "1d1e22-26282d",
    "hub": "b9bec6-d0d5dc", "head": "fff7dc", "tail": "e0202a", "plate": "f2f2ea", "under": "26282e-303238", "truck": "e05a1e-f2762e",
    "cargo": "e8e2d4-f6f1e6", "bus": "f2c21c-fad848", "train": "189c94-2fb8ae", "stripe": "f4f4ee", "bike": "b4228c-c93aa2", "moto": "9c1f2c-b83340",
}  # fmt: skip
GAME_TEXTURES = {
    "road": ("asphalt", 4.0, 1.0), "walk": ("paving", 2.4, 1.0), "kerb": ("plain", 1, 1), "terrain": ("grass", 3.0, 1.0),
    "ground": ("grass", 3.0, 1.0), "facade": ("brick", 3.2, 0.8), "block": ("brick", 3.2, 0.8), "glass": ("window", 1, 1), "roof": ("shingles", 4.0, 1.0),
    "awning": ("stripes", 1, 1), "wall": ("stone", 3.0, 1.0), "fence": ("planks", 1.6, 1.0), "leaf": ("leaf_clumps", 3.4, 1.0),
    "hedge": ("leaf_clumps", 3.0, 1.0), "hill": ("leaf_clumps", 24.0, 0.8), "bark": ("bark", 1.2, 1.0), "door": ("gloss", 1, 1), "cglass": ("gloss", 1, 1),
    "car": ("gloss", 1.4, 1.0), "truck": ("gloss", 2.5, 1.0), "bus": ("gloss", 3.0, 1.0), "train": ("gloss", 3.4, 1.0), "cargo": ("corrugated", 1.6, 1.0),
    "top": ("cloth", 0.8, 1.0), "legs": ("cloth", 0.8, 1.0), "rtop": ("cloth", 0.8, 1.0), "sky": ("cloud", 2600.0, 1.0), "shop": ("planks", 2.0, 0.6),
}  # fmt: skip


def _palettes(**over: str) -> dict[str, tuple[Pair, ...]]:
    return {slot: pairs(text) for slot, text in {**GAME_PALETTES, **over}.items()}


def _textures(**over: tuple[str, float, float]) -> dict[str, tuple[str, float, float]]:
    return {**GAME_TEXTURES, **over}


GAME = Look("game", _palettes(), _textures(), Light(), Lens(contrast=0.08, saturation=1.06))

OVERCAST = Look(
    "overcast",
    _palettes(
        road="3a3c3e-6c6d6c", mark="b6b4aa-d2cfc4", kerb="6f6d68-93918a", walk="6c6a64-a2a098", terrain="3c4226-7f8455", ground="45472c-888660",
        facade="4e332b-9a6a55 5a3d33-a97c66 8d8678-b6ad9c 6b5a4c-98877a 9b8f84-c4bab0", block="7c7b76-9d9c96 5f6468-868b8e 8d7f6e-aa9c8a",
        trim="b4afa4-d0cbc0 8a857c-a39d93", glass="4c4a46-b4bcc2 d5d2ca-8a949c", door="2d3330-434a46 4a2222-653232 2a3644-3c4b5c", roof="3b3a3e-5e5b5e 4f3a34-735850",
        shop="2f3a36-46524d 47302e-5e4340 3a3f4a-50566a", awning="51615a-8f9c94 6b3d3a-9a7a72", wall="5d5a52-8f8b80 6d5146-977a6a", coping="76736a-8d8a80",
        fence="30342f-484d46 4a4238-6b6152", pole="53565a-74777a", box="17191a-232627", signface="dcdcd6 2a5692 dcdcd6 2a5692", signrim="a82a2c 25508c a82a2c 25508c",
        leaf="202c16-647446 343a1a-7c7e48 283420-5c6c48", hedge="1d2716-4a5836", hill="566058-78827a", bark="26221e-4a443c",
        top="23262c-3b4048 3c3430-5a4e46 5b5f66-7a7f86 46282a-633a3c 2d3a4c-42546c", legs="1e2230-30364a 2a2826-403d3a 4a4a4c-626264", rtop="2c3238-444c54 7c8a2c-9aa83c 5a3430-7a4a44",
        rlegs="1c1e24-2c2f38", helmet="d8d8d4 26282c 7a2a2a", car="8f9296-c4c7ca 1c1e22-4a4e54 5a5e64-8c9096 cfd1d2-eef0f0 5c2226-8c3c40 26344c-48607c", cglass="14181c-7c868c",
        hub="6c7074-9a9ea2", truck="c4c6c4-e2e4e2 4a5c54-6c8076 6c2c26-8c443c", cargo="a8aaa8-c6c8c6 8c929a-aab0b6 56627a-727e96", bus="8c2a28-b04440 d0d0c8-ecece4 3c5c4c-587c68",
        train="b4b6b2-d6d8d4 7c2c2c-a04844", stripe="8c2c2c 2c4c7c d8d8d0", bike="1e2226-34393e 5c6468-7c8488 2e4238-466052", moto="1a1c20-34383e 5c6064-80848a", sky="9aa2aa",
    ),
    _textures(
        road=("asphalt_worn", 5.0, 1.0), walk=("slabs", 3.0, 1.0), terrain=("photo_grass", 3.0, 1.0), ground=("photo_gravel", 4.0, 0.8), facade=("photo_brick", 2.6, 1.0),
        block=("panels", 6.0, 0.8), glass=("window_cross", 1, 1), wall=("concrete", 4.0, 1.0), fence=("metal", 2.0, 1.0), leaf=("leaf_fine", 3.6, 1.0), hedge=("leaf", 3.0, 1.0),
        hill=("leaf", 40.0, 0.5), roof=("shingles", 5.0, 1.0), awning=("plain", 1, 1), cargo=("metal", 4.0, 1.0), sky=("cloud", 3600.0, 1.0), top=("cloth", 0.5, 1.0), kerb=("concrete", 2.0, 1.0),
    ),
    Light(sun_colour=(0.06, 0.06, 0.06), ambient=(0.86, 0.89, 0.94), contact=0.5, zenith=rgb("98a1aa"), horizon=rgb("cfd4d6"), cloud=rgb("dfe2e3"), cover=0.75, soft=0.8, haze=rgb("bcc3c7"), density=0.011),
    Lens(exposure=1.06, balance=(0.985, 1.0, 1.03), contrast=0.12, saturation=1.0, vignette=0.22, blur=0.25, noise=0.007, meter=0.45),
)  # fmt: skip

SUN = Look(
    "sun",
    _palettes(
        road="6b665e-9a948a", mark="e6dfc8-f8f2de", kerb="b4aa98-d2c8b6", walk="a39c8e-cfc7b8", terrain="7a7038-bcae68", ground="9c8c5e-c8b886", facade="c99a7c-dfb496 e6dcc4-f4ecd8 d8a860-e8be7c b8766a-cc9084 cfd4d2-e6e9e6",
        block="dcd6ca-efeae0 c8b49a-dac8b0 b0b8bc-c8d0d2", trim="e8e0d0-faf4e8 b8a890-cebfa8", glass="d8cdb8-34465a 6c5a48-42566c", door="345244-4a6e5c 5c3a28-7a5238 2c4870-44648e",
        roof="8c4430-c4745a 6e4a3c-a2705a", shop="3c5a50-547468 8c3c34-aa5a4c c8b07c-dcc696", awning="2e6a5a-f0ead8 b43a34-f0e6d4 2c5a94-eeeade", wall="c4ac8a-dcc8aa a89c8c-c6bcae", coping="d0c0a4-e2d4bc",
        fence="38463e-52625a 8c6c4c-b08e6a e4e0d4-f6f2e8", pole="7c8084-9ca0a4 3c5044-54685c", box="2a2a22-3a3a30 c8a020-d8b43a", leaf="3c5420-8ca048 4c6428-9cae5c 586a38-a4ac68", hedge="42581f-86983f",
        hill="7c9068-98a884", bark="5c4c3c-8c7860", top="f0ece4-fffcf4 3c6c9c-5c8cbc c8a83c-dcc05c 2c3c54-44587a b45040-cc6c5c 5c8c6c-7caa8a", legs="5c6c8c-7c8cac c8b898-dccdb0 3c3a38-565450", rtop="e8e4dc-f8f4ee 2c6cac-4c8ccc cc4438-e06458 3c3c40-56565c",
        rlegs="3a3e4a-545a6a 8c8474-a89f8e", helmet="f0f0ec 2c4c8c c83c34", car="e8e8e4-ffffff 9c2420-cc4438 c0c4c8-e4e8ec 2a2c30-5a5e64 6c8ca8-94b0c8 b8a888-d4c6a8 2c5844-4c7c66", cglass="28343c-b8ccd8",
        truck="e4e4dc-fafaf4 2c5c9c-4c7cbc c8a030-dcb850", cargo="dcdcd4-f4f4ec 3c7058-58907a c84c3c-dc6c5c", bus="dce0dc-f6faf6 2c7cb4-4c9cd0 c83c30-e05a4c", train="e4dcc4-f6f0dc 2c5c44-4c7c64 d0d4d8-eaeef0", stripe="b43028 2c6c4c 2c4c8c",
        bike="c8ccd0-e4e8ec 2c3034-484c52 3c8c9c-5cacbc b43c34-cc5c50", moto="28282c-44444a 2c5c8c-4c7cac d8d8d4-f0f0ec", sky="3f7cc8",
    ),
    _textures(
        road=("asphalt_patched", 6.0, 1.0), walk=("tiles", 4.0, 1.0), terrain=("meadow", 4.0, 1.0), ground=("soil", 5.0, 1.0), facade=("plaster_stained", 7.0, 1.0), block=("plaster", 6.0, 1.0),
        glass=("window_plain", 1, 1), wall=("photo_gravel", 2.4, 0.7), fence=("plain", 1.0, 1.0), leaf=("leaf", 3.0, 1.0), hedge=("leaf_fine", 2.0, 1.0), hill=("meadow", 60.0, 0.6), roof=("corrugated", 3.0, 0.9),
        cargo=("plain", 3.0, 1.0), sky=("cloud_thin", 4200.0, 1.0), top=("plain", 0.6, 1.0), kerb=("concrete", 3.0, 1.0), bark=("plaster_stained", 1.5, 1.0), shop=("plain", 1, 1),
    ),
    Light(sun=(-0.62, 0.55, -0.42), sun_colour=(0.62, 0.57, 0.46), ambient=(0.50, 0.54, 0.62), shadow=0.52, contact=0.4, zenith=rgb("4684d2"), horizon=rgb("b4d4ee"), cover=0.3, soft=0.35, haze=rgb("d4dde2"), density=0.0045),
    Lens(exposure=1.02, balance=(1.03, 1.0, 0.95), contrast=0.22, saturation=1.0, vignette=0.12, blur=0.12, noise=0.005, glare=0.04, meter=0.47),
)  # fmt: skip

GEOMETRY = replace(
    GAME,
    name="geometry",
    mix=Mix(
        focal=(0.8, 1.0), height=(2.1, 2.9), pitch=(-0.16, -0.06), yaw=(-0.22, 0.22), curve=(-0.004, 0.004), blocks={"house": 0.5, "park": 0.36, "gap": 0.14},
        floors=(1, 4), walk=(3.0, 5.5), people=(5, 14),
    ),
)  # fmt: skip
COLOUR = replace(
    GAME,
    name="colour",
    lens=Lens(exposure=0.9, balance=(1.12, 0.98, 0.78), gamma=1.28, contrast=-0.12, saturation=0.62),
)
NAMED = {look.name: look for look in (GAME, OVERCAST, SUN, GEOMETRY, COLOUR)}
