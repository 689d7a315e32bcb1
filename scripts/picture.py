"""Draw a picture to try a network on: no photograph has to be shipped."""

import sys

from PIL import Image, ImageDraw

SIZE = (320, 240)

picture = Image.new("RGB", SIZE)
pixels = picture.load()
assert pixels is not None
for y in range(SIZE[1]):
    for x in range(SIZE[0]):
        pixels[x, y] = (60 + y // 3, 120 + y // 3, 220 - y // 3)
draw = ImageDraw.Draw(picture)
draw.ellipse((220, 20, 270, 70), fill=(255, 230, 120))
draw.rectangle((0, 180, 320, 240), fill=(70, 130, 60))
draw.polygon([(40, 190), (110, 80), (180, 190)], fill=(120, 90, 70))
draw.ellipse((120, 150, 200, 210), fill=(200, 60, 50))
picture.save(sys.argv[1])
