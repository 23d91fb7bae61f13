"""How does the mail leave?"""
