"""Candidates for a milestone, judged: thin around ``plg_statistics.milestone_discovery``."""


def model(dbt, session):
    people = dbt.ref("int_activation__discovery_people").order("person_id").to_arrow_table()
    counts = dbt.ref("int_activation__discovery_counts").order("all").to_arrow_table()
    settings = dbt.ref("milestone_discovery_settings").order("setting, value").fetchall()
    from plg_statistics.milestone_discovery import DiscoverySettings, discover

    return discover(people, counts, DiscoverySettings.of([row[:2] for row in settings]))
