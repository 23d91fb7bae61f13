"""How fast is mailgate, and how much does it need?"""
