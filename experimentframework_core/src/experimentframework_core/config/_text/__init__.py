"""From the text of a document to a tree in which everything knows its place."""
