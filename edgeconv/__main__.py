"""python -m edgeconv."""

from edgeconv.cli.entry import command

command()
