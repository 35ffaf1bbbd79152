"""The place of the Kafka backplane. It delivers nothing and registers no type yet."""
