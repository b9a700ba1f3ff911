"""A mail provider that misbehaves on demand, for development and for proving what happens then.

It speaks like Mailgun, Postmark, Resend and a mail server, takes mail without sending it anywhere, and writes down
by itself what it took. It knows nothing of Newsroom: its record is a second opinion. Nobody imports it.
"""
