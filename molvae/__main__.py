"""``python -m molvae``: the command line."""

from molvae.cli import main

if __name__ == "__main__":
    main()
