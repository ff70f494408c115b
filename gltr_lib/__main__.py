"""``python -m gltr_lib`` is ``gltr``."""

import sys

from gltr_lib.cli import main

sys.exit(main())
