"""The command line as a module: `python -m sqlenv`."""

from sqlenv.cli import main

if __name__ == "__main__":
    main()
