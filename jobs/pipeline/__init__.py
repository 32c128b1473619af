"""The steps of a night: read the inbox, score, update alerts, write the report, publish, notify."""
