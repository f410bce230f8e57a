"""`python -m launcher COMMAND`: what `./run` starts once .venv is ready."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    command, *rest = arguments or [""]
    # Each command loads only what it needs: the demo's packages do not hold the tests' tools.
    if command == "demo":
        from launcher import demo

        return demo.main(rest)
    if command == "test":
        from launcher import testing

        testing.main(rest)
    if command == "faults":
        from launcher import faults

        faults.main(rest)
    if command == "screens":
        from launcher import faults

        faults.main(["screens"])
    if command == "check":
        from launcher import checks

        return checks.main(rest)
    if command == "shell":
        from launcher import shell

        shell.main(rest)
    print("This is started by ./run.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
