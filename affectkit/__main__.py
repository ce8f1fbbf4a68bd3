"""`python -m affectkit` is the `affectkit` command."""

from affectkit.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
