"""Programs about arrays that irad once got wrong or refused, each a file: functions, and CASES of (function, arguments)."""
