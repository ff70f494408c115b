"""How tables and figures call what the ledger holds: methods, in the walk's words and in everybody's, and columns.

The walk's own tables say what each of its rows adds (``METHOD_NAMES``); tables that set a method beside others name it
alone (``name_of``). One place, so that no table calls a row otherwise than its neighbour.
"""

from __future__ import annotations

from gltr_lib.datasets.looks import FINAL_LOOKS, TEST_LOOKS
from gltr_lib.study import tiers
from gltr_lib.study.tiers import PRIOR

TEST, FINAL = f"streets/{TEST_LOOKS}", f"streets/{FINAL_LOOKS}"
METHOD_NAMES = {
    PRIOR: "layout prior (no image)",
    "baseline": "baseline",
    "gtr": "+ GTR",
    "gtr_gtr": "+ GTR + GTR′ (control: two styles, no LTR)",
    "gtr_ltr": "+ GTR + LTR",
    "gtr_ltr_cgl": "+ GTR + LTR + CGL",
    "oracle": "oracle (trained on overcast and sun)",
}
CONTROL_NAMES = {
    "raw_gtr": "raw + GTR (two views: the picture as rendered, and painted)",
    "gtr_gtr_cons": "GTR + GTR′ with consistency (no LTR)",
    "gtr_ltr_cgl10": "GTR + LTR with ten times CGL",
}
COLUMN_NAMES = {
    "streets/game": "source (game)",
    "streets/overcast": "overcast",
    "streets/sun": "sun",
    TEST: "test looks",
    "streets/geometry": "control: geometry",
    "streets/colour": "control: colour",
}
REAL_COLUMNS = {
    "camvid/0001TP": "0001TP",
    "camvid/0006R0": "0006R0",
    "camvid/0016E5": "0016E5",
    "camvid/all": "all three",
}
NAMES = {
    "baseline": "baseline",
    "baseline2": "baseline, two views",
    tiers.NO_JITTER: "baseline without jitter and blur",
    "gtr": "GTR",
    "gtr_gtr": "GTR + GTR′",
    "gtr_gtr_cons": "GTR + GTR′ + consistency",
    "raw_gtr": "raw + GTR",
    "gtr_ltr": "GTR + LTR",
    "gtr_ltr_cgl": "GTR + LTR + CGL",
    "gtr_ltr_cgl10": "GTR + LTR + ten times CGL",
    tiers.LTR_ALONE: "LTR as the only view",
    tiers.LTR_ALONE_LARGE: "LTR as the only view, blobs four times as large",
    "baseline2_cons": "baseline, two views + consistency",
    "gtr_tuned": "GTR, tuned",
    "gtr_ltr_cgl_tuned": "GTR + LTR + CGL, tuned",
    "oracle": "oracle (trained on overcast and sun)",
    "photometric": "strong photometry (SimCLR)",
    "policy": "automatic policy",
    "randconv": "RandConv",
    "randconv_own": "RandConv + its own consistency",
    "fourier": "Fourier amplitudes of paintings",
    "regions": "stylised CutMix",
    "pixels": "AdaIN on pixels",
    "mixstyle": "MixStyle",
    "ibn": "IBN-Net",
    "isw": "instance-selective whitening (ISW)",
    "isw_cons": "ISW + consistency",
    "photometric2": "strong photometry, two views",
    "gtr_photometric": "GTR + strong photometry (a view each)",
    tiers.UNWHITENED: "raw + recoloured (control: ISW without whitening)",
}


def name_of(method: str) -> str:
    """A method as tables print it.

    Example:
        >>> name_of("randconv_cons")
        'RandConv, two views + consistency'
    """
    if method not in NAMES and method.endswith(tiers.CONSISTENT):
        return f"{name_of(method.removesuffix(tiers.CONSISTENT))}, two views + consistency"
    return NAMES.get(method, method)
