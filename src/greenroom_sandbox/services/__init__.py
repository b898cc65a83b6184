"""What people do with Greenhouse: recruiters, a customer's admin, the partnership and support desks."""
