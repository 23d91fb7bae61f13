"""How does a desk log in without a password? By OAuth2: somebody consents once, and we renew what that gave.

`tokens` keeps and renews, `endpoint` asks the provider, `consent` lets an admin consent.
"""
