"""The second call of a function got the first call's argument: its memoised copy held a node of the other call."""


def twist(u):
    def blend():
        def wave(m1):
            if m1:
                acc = 0.0

                def mix():
                    nonlocal u
                    low = acc  # a capture that nobody reads
                    u = 0.5 * u

                mix()
            return u

        for i in range(1):
            wave(0.5)
        right = wave(4)
        return wave(right)

    return blend()


def program(x):
    twist(x)
    return twist(0.5 * x) + x


CASES = [(program, (1.5,))]
