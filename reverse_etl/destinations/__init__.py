"""Where records go: one module per vendor, all with the same few methods (`base.Destination`)."""
