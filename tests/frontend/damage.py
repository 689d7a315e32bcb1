"""Files as transport and disks leave them."""


def damaged(content, rng):
    """`content` with a few bytes other than they were, most of them near its ends, where the structure is."""
    made = bytearray(content)

    def place():
        near = rng.randrange(min(len(made), 4096))
        return rng.choice([near, len(made) - 1 - near, rng.randrange(len(made))])

    how = rng.choice(["flip", "flip", "set", "cut", "insert", "clear", "repeat"])
    at, size = place(), rng.choice([1, 8, 64])
    match how:
        case "flip":
            for _ in range(rng.choice([1, 3, 20])):
                made[place()] ^= 1 << rng.randrange(8)
        case "set":
            made[at] = rng.choice([0, 1, 127, 128, 255])
        case "cut":
            del made[at:]
        case "insert":
            made[at:at] = rng.randbytes(size)
        case "clear":
            made[at : at + size] = bytes(len(made[at : at + size]))
        case "repeat":
            made[at : at + size] = made[place() :][:size]
    return bytes(made)
