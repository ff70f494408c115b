"""Offline work at the scale of a dataset: stylised copies of a folder, and style banks of any number of paintings.

``job`` stylises a folder, ``plan`` decides names, shards and styles, ``paint`` keeps within memory, ``files`` writes
whole pictures, ``manifest`` remembers, ``processes`` starts several; ``banks`` measures paintings; ``demo`` draws one
picture of everything.
"""

from gltr_lib.offline.banks import build_bank, build_bank_file, load_bank, merge_banks
from gltr_lib.offline.demo import demo_picture, tile
from gltr_lib.offline.files import save_picture
from gltr_lib.offline.job import stylise_folder
from gltr_lib.offline.manifest import MANIFEST
from gltr_lib.offline.plan import FORMATS, Recipe, launched_shard, list_images, style_indices
from gltr_lib.offline.processes import stylise_in_processes

__all__ = [
    "FORMATS", "MANIFEST", "Recipe", "build_bank", "build_bank_file", "demo_picture", "launched_shard", "list_images",
    "load_bank", "merge_banks", "save_picture", "style_indices", "stylise_folder",
    "stylise_in_processes", "tile",
]  # fmt: skip
