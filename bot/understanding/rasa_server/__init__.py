"""A real Rasa server beside Kefu: its environment of Python 3.10, the project made from the knowledge, its model.

Everything that such a server needs stands in this folder, with the versions of all that is installed. It is a process
of its own: nothing of Rasa is ever imported here.
"""
