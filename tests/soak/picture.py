"""Measurements over time as one SVG: a small chart for each column, below one another."""

WIDTH, HEIGHT, LEFT, GAP = 900, 110, 110, 34


def chart(rows, name, top):
    """The chart of one column, `top` pixels down."""
    xs = [row["seconds"] for row in rows]
    ys = [row[name] for row in rows]
    low, high = min(0, *ys), max(*ys, 1)
    span = max(xs[-1] - xs[0], 1e-9)

    def place(x, y):
        return (f"{LEFT + (x - xs[0]) / span * (WIDTH - LEFT - 10):.1f},"
                f"{top + HEIGHT - (y - low) / (high - low) * HEIGHT:.1f}")

    points = " ".join(place(x, y) for x, y in zip(xs, ys))
    return (f'<text x="4" y="{top + 14}">{name}</text>'
            f'<text x="4" y="{top + 30}" fill="#666">max {high:,}</text>'
            f'<text x="4" y="{top + 46}" fill="#666">last {ys[-1]:,}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - 10}" height="{HEIGHT}"'
            ' fill="none" stroke="#ccc"/>'
            f'<polyline points="{points}" fill="none" stroke="#06c"/>')


def draw(rows, names):
    """`rows` are dictionaries with "seconds" and a number for each of `names`."""
    rows = [rows[0], *rows]  # a line needs two points
    charts = [chart(rows, name, 10 + index * (HEIGHT + GAP)) for index, name in enumerate(names)]
    height = 10 + len(names) * (HEIGHT + GAP) + 10
    axis = (f'<text x="{LEFT}" y="{height - 10}">{rows[0]["seconds"]:.0f} s</text>'
            f'<text x="{WIDTH - 10}" y="{height - 10}" text-anchor="end">'
            f'{rows[-1]["seconds"]:.0f} s</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
            ' font-family="monospace" font-size="12">' + "".join(charts) + axis + "</svg>\n")
