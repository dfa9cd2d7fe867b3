"""One question to many sources: plan, fan out with one deadline, merge, release."""
