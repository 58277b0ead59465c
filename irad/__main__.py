"""The command line: `irad COMMAND ...` and `python -m irad COMMAND ...`.

Exit codes: 0 done; 1 the program was refused or raised, or something disagrees; 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from rich.text import Text

import irad
from irad.cli import check, demo, doctor, explain, ir, opt, run
from irad.cli.output import console
from irad.cli.target import LoadError, UsageError

__all__ = ["main"]

EXAMPLES = """\
examples:
  irad demo                                                          fit a model to real counts
  irad run docs/tour.py:grow 0.1 2.0 50 --grad                       compile a function, here its gradient, and call it
  irad ir docs/tour.py:grow --types "float, float, int"              the optimized program
  irad ir docs/tour.py:grow --types "float, float, int" --grad 0,1   of its gradient in two arguments
  irad ir docs/tour.py:grow --types "f64, f64, int" > grow.irad      text that runs:
  irad run grow.irad 0.1 2.0 50
  irad opt grow.irad --passes inline,drop                            run passes on it
  irad check docs/tour.py:grow --types "float, float, int"           against Python and differences
  irad explain exp                                                   of an operation, a pass, an error, a rule
  irad doctor                                                        whether everything that irad needs is there
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. argparse exits with 2 by itself on an unknown option."""
    parser = argparse.ArgumentParser(
        prog="irad",
        description="Compiles plain Python + NumPy functions, and their derivatives, to native code.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"irad {irad.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, ir, run, check, opt, explain, doctor):
        command.add(commands)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UsageError as e:
        _say("usage", str(e))
        return 2
    except BrokenPipeError:  # `irad ir ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (irad.CompileError, LoadError) as e:
        _say("", str(e))
        return 1
    except Exception as e:
        own = isinstance(e, irad.InternalError)  # it says so itself
        _say("", str(e) if own else "".join(traceback.format_exception_only(e)).rstrip())
        return 1
    return code


def _say(what: str, text: str) -> None:
    """Print a diagnostic to standard error, its first line in red on a terminal."""
    first, _, rest = (f"{what}: {text}" if what else text).partition("\n")
    out = console(stderr=True)
    out.print(Text(first, style="bold red"))
    if rest:
        out.print(Text(rest))


if __name__ == "__main__":
    sys.exit(main())
