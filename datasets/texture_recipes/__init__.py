"""Recipes for textures: each is a function from random numbers to a finished picture.

A recipe computes a relief and its colours on a torus (`noise`, `scatter`, `colour`), lights it
(`shading`) and photographs it (`camera`).
"""

from datasets.texture_recipes import fabrics, food, ground, masonry, metal, paint, plants, wood

RECIPES = {
    recipe.__name__: recipe
    for recipe in (
        wood.bark,
        masonry.bricks,
        paint.brush_strokes,
        masonry.cobblestones,
        food.coffee_beans,
        ground.cracked_earth,
        plants.daisies,
        metal.diamond_plate,
        plants.grass,
        fabrics.knit,
        plants.leaves,
        ground.pebbles,
        wood.planks,
        food.tomatoes,
        fabrics.wicker,
    )
}
