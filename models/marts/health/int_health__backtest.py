"""Health against what came after: thin around ``plg_statistics.pql_backtest``."""


def model(dbt, session):
    landmarks = dbt.ref("int_health__landmarks").order("all").to_arrow_table()
    bands = dbt.ref("health_bands").order("place desc").to_arrow_table()
    settings = dbt.ref("pql_proof_settings").select("setting, value").order("all").to_arrow_table()
    from dataclasses import replace

    from plg_statistics.fingerprints import fingerprint_of_tables
    from plg_statistics.pql_proof_input import ProofSettings
    from warehouse.dbt_python import result_before

    digest = fingerprint_of_tables(
        [landmarks, bands, settings],
        "numpy",
        "scipy",
        "scikit-learn",
    )
    before = result_before(dbt, session, digest)
    if before is not None:
        return before
    import pyarrow as pa

    from plg_statistics.pql_backtest import backtest

    windows = landmarks["window_days"].to_pylist()
    chosen = ProofSettings.of([tuple(row.values()) for row in settings.to_pylist()])
    bounds = [
        {"model_key": key, "threshold_points": 100.0 - float(row["min_score"])}
        for key in sorted(set(landmarks["model_key"].to_pylist()))
        for row in bands.to_pylist()
        if row["min_score"] > 0
    ]
    return backtest(
        landmarks,
        pa.Table.from_pylist(
            bounds, pa.schema([("model_key", pa.string()), ("threshold_points", pa.float64())])
        ),
        replace(chosen, landmark_every_days=windows[0]) if windows else chosen,
        digest,
        tiers=tuple(bands["band"].to_pylist()),
    )
