"""A headless browser, and what it shows of Dagster's pages."""
