"""The projection: from rows of a source to records of a format, in DuckDB SQL."""
