"""Databases at run time, behind `sqlenv.sandbox`: connections that can only read, limits, long queries apart."""
