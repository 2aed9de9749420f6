"""Scores against what came after: thin around ``plg_statistics.pql_backtest``."""


def model(dbt, session):
    landmarks = dbt.ref("int_pql__landmarks").order("all").to_arrow_table()
    thresholds = dbt.ref("int_pql__thresholds").order("all").to_arrow_table()
    settings = dbt.ref("pql_proof_settings").select("setting, value").order("all").to_arrow_table()
    from plg_statistics.fingerprints import fingerprint_of_tables
    from plg_statistics.pql_proof_input import ProofSettings
    from warehouse.dbt_python import result_before

    digest = fingerprint_of_tables(
        [landmarks, thresholds, settings],
        "numpy",
        "scipy",
        "scikit-learn",
    )
    before = result_before(dbt, session, digest)
    if before is not None:
        return before
    from plg_statistics.pql_backtest import backtest

    chosen = ProofSettings.of([tuple(row.values()) for row in settings.to_pylist()])
    return backtest(landmarks, thresholds, chosen, digest)
