"""What a CRM must have for the syncs, and creating it: `plg crm setup`.

specs + published types ──> wanted.py ──> salesforce.py, hubspot.py ──> the vendor's own API
                                               ^ what is there already
"""
