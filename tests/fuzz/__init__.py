"""Is there any input that surprises mailgate?"""
