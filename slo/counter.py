"""From two pages to exact increments: resets, new series, other processes, gaps."""
