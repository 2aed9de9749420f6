"""The project's dbt unit tests, and the build of a warehouse for which nothing has landed."""


def test_every_dbt_unit_test_passes(project):
    ran = [unique_id for unique_id in project.results if unique_id.startswith("unit_test.")]
    assert len(ran) == len(project.manifest["unit_tests"]) > 50
    assert project.failures("unit_test") == []


def test_an_installation_where_nothing_has_landed_builds_every_model(project):
    assert project.failures("seed") == []
    assert project.failures("model") == []
    built = [unique_id for unique_id in project.results if unique_id.startswith("model.")]
    assert len(built) == len(project.models)


def test_dbt_warns_of_nothing(project):
    """Deprecated YAML, unused configuration and the like are errors to come."""
    assert project.output == []
