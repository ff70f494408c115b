"""Mapillary Vistas (Neuhold et al., ICCV 2017): where it is, unpack, convert (v1.2 or v2.0), verify.

    python data_scripts/vistas.py where
    python data_scripts/vistas.py unpack --root data/vistas YOUR-DOWNLOAD.zip
    python data_scripts/vistas.py verify --root data/vistas --version v1.2
    python data_scripts/vistas.py prepare --root data/vistas --out data/vistas-trainids --mapping robustnet

Killed, unpack and prepare go on when called again; ``COMMAND --help`` says more.
"""

from __future__ import annotations

import sys

from _script import Recipe, main

RECIPE = Recipe(
    dataset="vistas",
    steps="""
Register at https://www.mapillary.com/dataset/vistas , accept the licence of the research edition, and download it.
Two releases are about, and both are read:
  v1.2 (and v1.1)   {training,validation}/{images,labels}, config.json; 66 classes
  v2.0              {training,validation}/images, .../{v1.2,v2.0}/labels, config_v1.2.json, config_v2.0.json; 66 and 124

  python data_scripts/vistas.py unpack --root data/vistas YOUR-DOWNLOAD.zip

(--strip 1 if everything in the archive lies in one more folder.) To the 19 classes lead several tables, and scores of
one are not scores of another: --mapping robustnet (the default, of RobustNet and SHADE) or openseg (of Rein). No table
for --version v2.0 is published: ours is documented in gltr_lib/_label_tables.py.
""",
)

if __name__ == "__main__":
    sys.exit(main(RECIPE))
