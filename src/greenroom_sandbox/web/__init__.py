"""The screens: what a recruiter, a customer's admin and Greenhouse's support see. Server-rendered, no script at all."""
