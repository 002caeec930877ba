"""`python -m kling_daemon`: the command line, without the installed script."""

from kling_daemon.cli import main

if __name__ == "__main__":
    main(prog_name="kling-daemon")
