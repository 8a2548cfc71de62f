"""Steps that jobs do in the driver's place, in one part or in several."""
