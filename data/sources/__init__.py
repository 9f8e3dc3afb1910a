"""The bundled databases' sources: for each a schema, a seeded generator of rows, and questions with gold SQL."""
