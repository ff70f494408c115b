"""Start-up: what `import gltr_lib` adds to `import torch`, and `gltr --help`, which imports no torch at all.

Each call is a fresh interpreter, as a user starts one; files are in the page cache after the first.
"""

from __future__ import annotations

import subprocess
import sys

from gltr_lib.bench import FOLDER, Case, Made


def python(*words: str) -> None:
    """Run this Python, its output thrown away."""
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, cwd=FOLDER.parent)


def no_torch_behind_help(*_: object) -> str:
    """ "" if `gltr --help` leaves torch alone."""
    program = (
        "import sys; from gltr_lib.cli import main; main(['--help']); "
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, cwd=FOLDER.parent)
    return "" if done.returncode == 0 else "gltr --help imported torch or numpy"


def cases(small: bool, device: str) -> list[Case]:
    """Two starts; ratios under 1 by as much as ours is slower."""
    library = Made(lambda: python("-c", "import torch, gltr_lib"), lambda: python("-c", "import torch"))
    helped = Made(lambda: python("-m", "gltr_lib", "--help"), lambda: python("-c", "pass"), no_torch_behind_help)
    return [
        Case("import torch, gltr_lib", lambda: library, "import torch alone", repeat=5),
        Case("gltr --help", lambda: helped, "an empty Python", repeat=5),
    ]
