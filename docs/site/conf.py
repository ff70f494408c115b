"""Sphinx settings of the offline site. ``make site`` prepares ``build/site-src`` and builds it with these."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGE = Path(os.environ.get("GLTR_SITE_SOURCE", ROOT / "build" / "site-src"))
sys.path[:0] = [str(ROOT), str(HERE.parent)]
os.environ.setdefault("OMP_NUM_THREADS", "1")

from gltr_lib import __version__ as release  # noqa: E402

project = "Global and Local Texture Randomization"
author = "the maintainers of the GLTR course"
copyright = f"2026, {author}. MIT licence"
version = release
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the formulas' scripts and fonts lie in the site
    "sphinx_copybutton",
    "sitekit.extension",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["jupyter_execute", "**/jupyter_execute", "**.ipynb_checkpoints", "lessons/files", "README.md"]
templates_path = [str(HERE / "_templates")]

# ----------------------------------------------------------- notebooks: nothing runs here, nothing comes from elsewhere
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # the default fetches two scripts from CDNs
nb_output_stderr = "remove"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_update_mathjax = True
suppress_warnings = [
    "mystnb.unknown_mime_type",  # the rest of a widget; its picture and words are shown
    "config.cache",
]

# ----------------------------------------------------------------------------------------------------------- API pages
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Source", ("Environment variables", "params_style")]
add_module_names = False
python_use_unqualified_type_names = True
# Types of other projects stay words: a link into their pages would need a network. Type variables and private names of
# ours have no page of their own.
nitpick_ignore_regex = [
    (r"py:.*", r"(torch|torchvision|numpy|np|PIL|matplotlib|accelerate|ipywidgets|tv_tensors)(\..*)?"),
    (r"py:.*", r"(collections|pathlib|os|typing|types|argparse|datetime|contextlib|concurrent|random|threading)\..*"),
    (r"py:.*", r"(Tensor|ndarray|Image|Generator|Module|Path|PathLike|Figure|Axes|Any|Callable|Mapping|Sequence)"),
    # Type variables, callables and bases of ours that have no page of their own.
    (r"py:.*", r"(.*\.)?(T|OnImage|OnStep|Gallery|Views|Look|Trunk|set_norm|Canvas|Preprocess|Geometry)"),
    (r"py:class", r"(.*\.)?(Mesh|Projected|Rendered)"),
    (r"py:.*", r"urllib\..*|list\[dict\[str|dict\[str|tuple\[int"),
]

# ----------------------------------------------------------------------------------------------------------- the theme
html_theme = "pydata_sphinx_theme"
html_title = "Texture randomization, a course"
html_static_path = [str(HERE / "_static"), str(STAGE / "_static")]
html_css_files = ["site.css"]
html_js_files = [("twin.js", {"defer": "defer"})]
html_favicon = str(HERE / "_static" / "mark.svg")
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # summaries are fetched, which a browser refuses for files on a disk
html_context = {"default_mode": "auto", "built": f"Version {release}, built {date.today().isoformat()}"}
html_sidebars = {"index": [], "explorers": [], "colab": [], "changelog": [], "contributing": []}
html_theme_options = {
    "logo": {
        "text": "GLTR course",
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "alt_text": "Home of the course",
    },
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": ["built"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "secondary_sidebar_items": {f"{part}/*": ["page-toc"] for part in ("lessons", "api", "guides", "teaching")},
    "use_edit_page_button": False,
    "back_to_top_button": False,
}
