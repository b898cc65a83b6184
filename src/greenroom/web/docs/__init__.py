"""The documentation under `/docs`: the pages of the folder `docs`, and a reference made of the OpenAPI document."""
