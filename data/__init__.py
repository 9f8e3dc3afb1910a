"""The bundled data set, and what builds, imports and checks data sets."""
