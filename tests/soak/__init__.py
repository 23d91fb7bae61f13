"""Does mailgate need more of anything the longer it runs?"""
