"""What every part shares: settings, the warehouse files, publishing and querying."""
