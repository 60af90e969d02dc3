"""python -m edgeconv."""

from edgeconv.cli.main import command

command()
