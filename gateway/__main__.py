"""`python -m gateway` is the command `iccd`."""

from gateway.cli import main

main()
