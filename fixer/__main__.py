"""``python -m fixer``: the same as the ``convfix`` command."""

from fixer.cli import main

if __name__ == "__main__":
    main()
