"""The schedules, a file each; `handgrad.optim.SCHEDULES` lists them."""
