"""`python -m evexport_dagster.cli`: the `evexport` command where it is not on the path."""

from evexport_dagster.cli.app import main

main(prog_name="evexport")
