"""The `affectkit` command. Modules here import heavy libraries only when a command runs."""
