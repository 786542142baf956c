from evexport_dagster_tests.handmade import home

__all__ = ["home"]
