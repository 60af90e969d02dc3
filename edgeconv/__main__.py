"""python -m edgeconv."""

from edgeconv.cli.main import main

main()
