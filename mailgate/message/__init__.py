"""What does a mail say?"""
