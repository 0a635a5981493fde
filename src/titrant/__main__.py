"""`python -m titrant` is the `titrant` command."""

from titrant.cli.main import main

if __name__ == "__main__":
    main()
