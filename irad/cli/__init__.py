"""The command line: a file a subcommand. Each has `add(commands)`, which declares it, and the function that runs it."""
