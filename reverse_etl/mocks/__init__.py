"""CRM mocks: real HTTP servers that play Salesforce, HubSpot and a Slack webhook."""
