"""Mask R-CNN for clothes: python fashion/fashion.py COMMAND, from any working directory."""

import argparse
import difflib
import importlib
import logging
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Python puts a script's own folder first, where `import fashion` would find this very file.
    sys.path[:] = [str(HERE.parent)] + [path for path in sys.path if Path(path).resolve() != HERE]

COMMANDS = ("demo", "sample", "check", "convert", "train", "evaluate", "benchmark", "detect",
            "extract", "splash", "match", "index", "search", "picture", "summary")
EPILOG = """\
first steps:
  python fashion/fashion.py demo                     watch it learn, in ten minutes, on the CPU
  python fashion/fashion.py detect --image=FILE
  python fashion/fashion.py train --weights=coco --dataset=DIR
  python fashion/fashion.py COMMAND --help           everything a command takes
"""
MISSING = f"""\
Install what the project needs: pip install -r {HERE.parent / 'requirements.txt'}
README.md says more under "If it does not run"."""


def build_parser():
    """The parser of the whole command line, and those of the commands by name."""
    parser = argparse.ArgumentParser(
        prog="fashion.py", description=__doc__, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands = {}
    for name in COMMANDS:
        module = importlib.import_module(f"fashion.commands.{name}")
        command = commands[name] = subparsers.add_parser(
            name, help=module.HELP, description=module.__doc__, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true",
                             help="show where an error comes from, and log more")
        command.set_defaults(run=module.run)
    return parser, commands


def main(argv=None):
    """Runs one command.

    Args:
        argv: the words after the script's name; those of this process by default.

    Returns:
        The exit code: 0 done, 1 an error that was explained, 2 a wrong command line, 130 stopped
        with Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        parser, commands = build_parser()
        _check_spelling(argv, parser, commands)
        arguments = parser.parse_args(argv)
        _set_up_output(arguments.debug)
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ArithmeticError, RuntimeError, ImportError) as error:
        if "--debug" in argv:
            raise
        advice = MISSING if isinstance(error, ImportError) else "(--debug shows where)"
        print(f"error: {error}\n{advice}", file=sys.stderr)
        return 1


def _check_spelling(argv, parser, commands):
    """Ends with the nearest known word where a command or an option is none of ours."""
    if not argv or argv[0].startswith("-"):
        return
    if argv[0] not in commands:
        parser.error(f"there is no command {argv[0]!r}{_nearest(argv[0], commands)}")
    command = commands[argv[0]]
    known = [option for option in command._option_string_actions if option.startswith("--")]
    for option in (word.split("=")[0] for word in argv[1:] if word.startswith("--")):
        if option not in known:
            command.error(f"there is no {option}{_nearest(option, known)}")


def _nearest(word, known):
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _set_up_output(debug):
    """Our own messages plain, those of libraries only when they warn; no line waits in a buffer."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="replace")
    # TensorFlow's C++ part logs an error where there is simply no GPU; real ones are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    for name in ("mrcnn", "fashion"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
