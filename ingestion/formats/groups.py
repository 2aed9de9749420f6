"""Which of a vendor's groups is the account.

Vendors know groups of several kinds (company, project, team). The account is the group
whose kind has one of the names below, the first that is given; else the only group.
"""

from ingestion.lake import sql_text

# letters only, in lower case, also with "id" behind: `Org ID`, `company_id`, `Account`
ACCOUNT_KINDS = (
    "account",
    "company",
    "organization",
    "organisation",
    "org",
    "workspace",
    "tenant",
    "customer",
    "team",
    "group",
)
_NAMES = tuple(name for kind in ACCOUNT_KINDS for name in (kind, f"{kind}id"))


def group_steps(groups: str) -> dict[str, str]:
    """Steps up to ``account_group``, the account's id; ``groups``: JSON text of kind → key."""
    names = "[" + ", ".join(sql_text(name) for name in _NAMES) + "]"
    return {
        "groups": f"nullif(object_text({groups}), '{{}}')",
        "group_kinds": "case when groups is not null then list_transform("
        f"json_keys(groups), lambda kind: {_normal('kind')}) end",
        "group_keys": "case when groups is not null then json_extract_string(groups, '$.*') end",
        "account_key": "case when groups is not null then coalesce("
        f"list_filter(list_transform({names}, "
        "lambda name: group_keys[list_position(group_kinds, name)]), "
        "lambda key: key is not null)[1], "
        "case when len(group_keys) = 1 then group_keys[1] end) end",
        # a key may come as a list of one
        "account_group": "nullif(case when starts_with(account_key, '[') "
        "and json_valid(account_key) then json_extract_string(account_key, '$[0]') "
        "else account_key end, '')",
    }


def is_account_kind(kind: str) -> str:
    """True where the text names the kind of group that is the account."""
    names = ", ".join(sql_text(name) for name in _NAMES)
    return f"{_normal(kind)} in ({names})"


def _normal(kind: str) -> str:
    return f"regexp_replace(lower({kind}), '[^a-z]', '', 'g')"
