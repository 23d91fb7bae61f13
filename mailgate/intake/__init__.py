"""What does the mailbox give?"""
