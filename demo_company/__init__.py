"""A synthetic SaaS company: its source files, and the truth about itself."""
