"""Which tables are meant: Airflow's names, of which some mean something else here."""

import difflib

import typer


def chosen_tables(text: str | None) -> tuple[tuple[str, ...], list[str]]:
    """The tables to clean, in their order, and what is to be said of the others. Raises `typer.BadParameter` for a name
    that nobody knows, or if nothing is left."""
    from tradewind.api.retention.cleaning import BY_DEFAULT, TABLES, UNKEPT, WITH_RUNS

    if text is None:
        return BY_DEFAULT, []
    names = [part.strip() for part in text.split(",") if part.strip()]
    known = (*TABLES, *WITH_RUNS, *UNKEPT)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TABLES)}"
            raise typer.BadParameter(f"there is no table {name!r}: {hint}", param_hint="--tables")
    remarks = [
        *(f"{name}: its rows go with their runs (dag_run)" for name in names if name in WITH_RUNS),
        *(f"{name}: nothing to clean, what is in it is current or expires" for name in names if name in UNKEPT),
    ]
    chosen = tuple(table for table in TABLES if table in names)
    if not chosen:
        raise typer.BadParameter("; ".join(remarks) or "no table is named", param_hint="--tables")
    return chosen, remarks
