"""`python -m guestsql` is `guestsql`."""

from guestsql.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
