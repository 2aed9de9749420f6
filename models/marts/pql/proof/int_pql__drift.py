"""Scores and inputs by month: thin around ``plg_statistics.pql_drift``."""


def model(dbt, session):
    landmarks = dbt.ref("int_pql__landmarks").order("all").to_arrow_table()
    signals = dbt.ref("int_pql__landmark_signals").order("all").to_arrow_table()
    model_signals = dbt.ref("int_pql__proof_signals").order("all").to_arrow_table()
    settings = dbt.ref("pql_proof_settings").select("setting, value").order("all").to_arrow_table()
    from plg_statistics.fingerprints import fingerprint_of_tables
    from plg_statistics.pql_proof_input import ProofSettings
    from warehouse.dbt_python import result_before

    digest = fingerprint_of_tables([landmarks, signals, model_signals, settings], "numpy", "scipy")
    before = result_before(dbt, session, digest)
    if before is not None:
        return before
    from plg_statistics.pql_drift import drift

    chosen = ProofSettings.of([tuple(row.values()) for row in settings.to_pylist()])
    return drift(landmarks, signals, model_signals, chosen, digest)
