"""Programs that irad once got wrong, each a file: functions, and CASES of (function, arguments)."""
