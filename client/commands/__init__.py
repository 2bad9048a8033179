"""The subcommands of `clipbench`, one file each."""
