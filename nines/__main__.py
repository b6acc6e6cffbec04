"""`python -m nines`: the same as the command `nines`."""

from nines.cli import main

if __name__ == "__main__":
    main()
