"""The commands of `fashion/fashion.py`: one thin file each, with HELP, add_arguments and run."""

import fashion.cspn.config  # noqa: F401 (makes its configurations known to --config)
