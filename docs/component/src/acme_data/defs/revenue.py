"""An asset of the project's own, made of what an export delivered."""

import dagster as dg
import duckdb

_FILES = "out/purchases/Charged/*/*.json.gz"


@dg.asset(deps=[dg.AssetKey(["exports", "purchases"])])
def revenue(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """How much customers paid, over all windows that are delivered."""
    paid = f"SELECT sum((eventProps->>'Amount')::DOUBLE) FROM read_json('{_FILES}')"
    ((total,),) = duckdb.sql(paid).fetchall()
    return dg.MaterializeResult(metadata={"revenue": total})
