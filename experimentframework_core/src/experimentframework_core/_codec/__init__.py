"""The parts of the codec: reading, normal forms, others' spellings, and what is wrong."""
