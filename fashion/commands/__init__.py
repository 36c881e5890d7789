"""The commands of `fashion/fashion.py`: one thin file each, with HELP, add_arguments and run."""
