"""Sphinx settings of the documentation site; `build.py` makes its sources."""

from dpsynth._version import __version__

project = "dpsynth"
author = "The dpsynth authors"
version = release = __version__
root_doc = "index"
extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
html_theme = "furo"
html_title = f"dpsynth {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e69", "color-brand-content": "#0b6e69"},
    "dark_css_variables": {"color-brand-primary": "#5cc8bf", "color-brand-content": "#5cc8bf"},
}
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "native"
maximum_signature_line_length = 72
python_use_unqualified_type_names = True
# Colours of code are no matter of right and wrong: a dialect of SQL that the highlighter does not know is no fault.
suppress_warnings = ["misc.highlighting_failure"]
