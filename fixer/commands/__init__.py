"""One file per verb: reads options, calls the stages in their order, returns an Outcome. No logic lives here."""
