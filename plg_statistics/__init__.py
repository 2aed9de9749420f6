"""What SQL does badly: pure functions, Arrow tables in, Arrow tables out, no I/O.

Not called `statistics`: a top-level package of that name would hide the standard library's
module from everything that imports it (`random`, for one).
"""
