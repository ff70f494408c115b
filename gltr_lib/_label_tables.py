"""Mapillary Vistas' classes, and as which of the 19 each is scored: the rows behind the tables in ``labels``.

Vistas has its own classes: 66 in release 1.2, 124 in release 2.0. Which of the 19 a bike lane or a manhole is, its
authors do not say; papers differ, and scores with them.

- **RobustNet's table** (our default) is written for v1.2 ids (shachoi/RobustNet, datasets/mapillary.py; SHADE's is
  identical). It ignores what Cityscapes has no class for.
- **openseg's rule** matches words of a class's name (openseg-group/openseg.pytorch, as in w1oves/Rein,
  tools/convert_datasets/mapillary2cityscape.py). It differs on 11 of the 66 classes.

For v2.0 we found no published table. openseg's rule, written for v1.2, goes wrong there: no traffic light is one (the
cyclists' light becomes a rider, the other five are ignored), a parking meter is road and the back of a shop's sign a
traffic sign. Ours, for both columns: **a v2.0 class counts as the v1.2 class that it was called before.** The names
tell: ``object--traffic-light--general-upright`` was ``object--traffic-light``, ``marking--continuous--dashed`` was
``marking--general``. A group of one kind (Person Group, Pole Group) counts as its members, as Cityscapes draws
"persongroup" as person; a mixed one (Vehicle Group) is ignored. Where a class had two ancestors that are scored
differently (Traffic Sign - Ambiguous: front or back?), and where none is certain (Driveway, Garage, Road Shoulder ...),
it is ignored.
"""

from __future__ import annotations

# id, trainId in RobustNet, trainId by openseg's rule (255 = ignore), readable name in config_v1.2.json
_V12 = """
0 255 255 Bird
1 255 255 Ground Animal
2 1 1 Curb
3 4 4 Fence
4 255 255 Guard Rail
5 255 255 Barrier
6 3 3 Wall
7 255 0 Bike Lane
8 255 0 Crosswalk - Plain
9 255 1 Curb Cut
10 255 0 Parking
11 255 1 Pedestrian Area
12 255 255 Rail Track
13 0 0 Road
14 255 0 Service Lane
15 1 1 Sidewalk
16 255 255 Bridge
17 2 2 Building
18 255 255 Tunnel
19 11 11 Person
20 12 12 Bicyclist
21 12 12 Motorcyclist
22 12 12 Other Rider
23 255 0 Lane Marking - Crosswalk
24 0 0 Lane Marking - General
25 255 255 Mountain
26 255 255 Sand
27 10 10 Sky
28 255 255 Snow
29 9 9 Terrain
30 8 8 Vegetation
31 255 255 Water
32 255 255 Banner
33 255 255 Bench
34 255 255 Bike Rack
35 255 255 Billboard
36 255 255 Catch Basin
37 255 255 CCTV Camera
38 255 255 Fire Hydrant
39 255 255 Junction Box
40 255 255 Mailbox
41 0 255 Manhole
42 255 255 Phone Booth
43 255 255 Pothole
44 255 5 Street Light
45 5 5 Pole
46 255 7 Traffic Sign Frame
47 5 5 Utility Pole
48 6 6 Traffic Light
49 255 7 Traffic Sign (Back)
50 7 7 Traffic Sign (Front)
51 255 255 Trash Can
52 18 18 Bicycle
53 255 255 Boat
54 15 15 Bus
55 13 13 Car
56 255 255 Caravan
57 17 17 Motorcycle
58 16 16 On Rails
59 255 255 Other Vehicle
60 255 255 Trailer
61 14 14 Truck
62 255 255 Wheeled Slow
63 255 255 Car Mount
64 255 255 Ego Vehicle
65 255 255 Unlabeled
"""

# id, readable name in config_v2.0.json; after ">" what v1.2 called it, if not the same ("/": either; "-": uncertain)
_V20 = """
0 Bird
1 Ground Animal
2 Ambiguous Barrier > Barrier
3 Concrete Block > Barrier
4 Curb
5 Fence
6 Guard Rail
7 Barrier
8 Road Median > -
9 Road Side > -
10 Lane Separator > -
11 Temporary Barrier > Barrier
12 Wall
13 Bike Lane
14 Crosswalk - Plain
15 Curb Cut
16 Driveway > -
17 Parking
18 Parking Aisle > Parking
19 Pedestrian Area
20 Rail Track
21 Road
22 Road Shoulder > -
23 Service Lane
24 Sidewalk
25 Traffic Island > -
26 Bridge
27 Building
28 Garage > -
29 Tunnel
30 Person
31 Person Group > Person
32 Bicyclist
33 Motorcyclist
34 Other Rider
35 Lane Marking - Dashed Line > Lane Marking - General
36 Lane Marking - Straight Line > Lane Marking - General
37 Lane Marking - Zigzag Line > Lane Marking - General
38 Lane Marking - Ambiguous > Lane Marking - General
39 Lane Marking - Arrow (Left) > Lane Marking - General
40 Lane Marking - Arrow (Other) > Lane Marking - General
41 Lane Marking - Arrow (Right) > Lane Marking - General
42 Lane Marking - Arrow (Split Left or Straight) > Lane Marking - General
43 Lane Marking - Arrow (Split Right or Straight) > Lane Marking - General
44 Lane Marking - Arrow (Straight) > Lane Marking - General
45 Lane Marking - Crosswalk
46 Lane Marking - Give Way (Row) > Lane Marking - General
47 Lane Marking - Give Way (Single) > Lane Marking - General
48 Lane Marking - Hatched (Chevron) > Lane Marking - General
49 Lane Marking - Hatched (Diagonal) > Lane Marking - General
50 Lane Marking - Other > Lane Marking - General
51 Lane Marking - Stop Line > Lane Marking - General
52 Lane Marking - Symbol (Bicycle) > Lane Marking - General
53 Lane Marking - Symbol (Other) > Lane Marking - General
54 Lane Marking - Text > Lane Marking - General
55 Lane Marking (only) - Dashed Line > Lane Marking - General
56 Lane Marking (only) - Crosswalk > Lane Marking - Crosswalk
57 Lane Marking (only) - Other > Lane Marking - General
58 Lane Marking (only) - Test > Lane Marking - General
59 Mountain
60 Sand
61 Sky
62 Snow
63 Terrain
64 Vegetation
65 Water
66 Banner
67 Bench
68 Bike Rack
69 Catch Basin
70 CCTV Camera
71 Fire Hydrant
72 Junction Box
73 Mailbox
74 Manhole
75 Parking Meter > -
76 Phone Booth
77 Pothole
78 Signage - Advertisement > Billboard
79 Signage - Ambiguous > Billboard
80 Signage - Back > Billboard
81 Signage - Information > Billboard
82 Signage - Other > Billboard
83 Signage - Store > Billboard
84 Street Light
85 Pole
86 Pole Group > Pole
87 Traffic Sign Frame
88 Utility Pole
89 Traffic Cone > -
90 Traffic Light - General (Single) > Traffic Light
91 Traffic Light - Pedestrians > Traffic Light
92 Traffic Light - General (Upright) > Traffic Light
93 Traffic Light - General (Horizontal) > Traffic Light
94 Traffic Light - Cyclists > Traffic Light
95 Traffic Light - Other > Traffic Light
96 Traffic Sign - Ambiguous > Traffic Sign (Front) / Traffic Sign (Back)
97 Traffic Sign (Back)
98 Traffic Sign - Direction (Back) > Traffic Sign (Back)
99 Traffic Sign - Direction (Front) > Traffic Sign (Front)
100 Traffic Sign (Front)
101 Traffic Sign - Parking > Traffic Sign (Front)
102 Traffic Sign - Temporary (Back) > Traffic Sign (Back)
103 Traffic Sign - Temporary (Front) > Traffic Sign (Front)
104 Trash Can
105 Bicycle
106 Boat
107 Bus
108 Car
109 Caravan
110 Motorcycle
111 On Rails
112 Other Vehicle
113 Trailer
114 Truck
115 Vehicle Group > -
116 Wheeled Slow
117 Water Valve > -
118 Car Mount
119 Dynamic > -
120 Ego Vehicle
121 Ground > -
122 Static > -
123 Unlabeled
"""


def _lines(text: str) -> list[str]:
    """The rows in the order of their ids, without them."""
    rows = [line.split(" ", 1) for line in text.strip().splitlines()]
    if [int(number) for number, _ in rows] != list(range(len(rows))):
        raise ValueError("the rows of a label table must be numbered 0, 1, 2 ...")
    return [rest for _, rest in rows]


def _v12() -> dict[str, tuple[int, int]]:
    fields = [line.split(" ", 2) for line in _lines(_V12)]
    return {name: (int(robustnet), int(openseg)) for robustnet, openseg, name in fields}


def _v20() -> dict[str, tuple[str, ...]]:
    halves = [line.split(" > ") for line in _lines(_V20)]
    return {half[0]: tuple(half[-1].split(" / ")) if half[-1] != "-" else () for half in halves}


#: Each v1.2 class, in the order of ids: its trainId in RobustNet's table and by openseg's rule.
VISTAS_V12_ROWS: dict[str, tuple[int, int]] = _v12()
#: Each v2.0 class, in the order of ids: the v1.2 classes that it can have been.
VISTAS_V20_ROWS: dict[str, tuple[str, ...]] = _v20()


def scored_as(ancestors: tuple[str, ...], column: int) -> int:
    """The trainId on which all v1.2 ancestors agree, else 255; ``column`` 0 = RobustNet, 1 = openseg.

    Example:
        >>> scored_as(("Traffic Light",), 0), scored_as(("Traffic Sign (Front)", "Traffic Sign (Back)"), 0)
        (6, 255)
    """
    found = {VISTAS_V12_ROWS[name][column] for name in ancestors}
    return found.pop() if len(found) == 1 else 255
