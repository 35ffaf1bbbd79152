"""The place of the Azure Service Bus backplane. It delivers nothing and registers no type yet."""
