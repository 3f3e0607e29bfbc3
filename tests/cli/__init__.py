"""The command line: commands, options and messages."""
