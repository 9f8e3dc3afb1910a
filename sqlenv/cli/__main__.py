"""`python -m sqlenv.cli`: the same as the `sqlenv` script."""

from sqlenv.cli import main

if __name__ == "__main__":
    main()
