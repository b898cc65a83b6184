"""The typed clients: generated, built, installed, and used as their READMEs say."""
