"""The conformance kit: checks a vendor's endpoints and client from the outside, without a database."""
