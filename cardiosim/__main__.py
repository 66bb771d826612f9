"""`python -m cardiosim` is the `cardiosim` command."""

from cardiosim.commands import main

if __name__ == "__main__":
    main()
