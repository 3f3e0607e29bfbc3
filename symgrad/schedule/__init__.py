"""Level 2: `Program -> FrozenProgram -> Schedule` of loop nests. No SymPy below `freeze`."""

from symgrad.schedule.freeze import freeze
from symgrad.schedule.frozen import FrozenProgram
from symgrad.schedule.plan import Schedule, ScheduleOptions
from symgrad.schedule.scheduler import schedule

__all__ = ["FrozenProgram", "Schedule", "ScheduleOptions", "freeze", "schedule"]
