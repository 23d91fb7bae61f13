"""What happens to the mail when mailgate is killed, again and again?"""
