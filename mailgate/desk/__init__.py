"""What shall we do?"""
