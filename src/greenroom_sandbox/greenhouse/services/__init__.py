"""The actions of recruiters, customers' admins and Greenhouse's own desks."""
